"""Register an account at the actions service, once per version of its credentials."""

from __future__ import annotations

from flamebot.domain.errors import (
    AccountSuspended,
    ResponseUnreadable,
    ServiceConflict,
    ServiceError,
    ServiceRefused,
)
from flamebot.domain.ids import AccountId
from flamebot.ports.actions_service import AccountStatus, ActionsService
from flamebot.ports.engine_store import EngineStore
from flamebot.ports.vault import Vault
from flamebot.services.time_budget import TimeBudget


class RegistrationRefused(ServiceRefused):
    """The actions service refused the account's registration."""

    code = "registration_refused"


class RegisterAccount:
    """Registers accounts: the only place where credentials are decrypted.

    They exist in the local variables of one call and in the body of one request, nowhere else.
    """

    def __init__(self, store: EngineStore, service: ActionsService, vault: Vault) -> None:
        """Take the store with the credentials, the service and the vault."""
        self._store = store
        self._service = service
        self._vault = vault

    def register(self, account_id: AccountId, *, fence: int, budget: TimeBudget) -> AccountStatus:
        """Register the account's current version.

        The caller has the account's lock. The same version has the same key and body each time.

        Raises:
            VaultError: The credentials cannot be decrypted.
            RegistrationRefused: The service refused the registration.
            AccountSuspended: It refused it because it has suspended the account.
            ServiceError: The service did not respond as specified. Its own words are dropped
                either way, because they may repeat the credentials.
            Unavailable: The database or the key service cannot be reached.
        """
        account = self._store.load_credentials(account_id)
        version = account["credentials_version"]
        fields = {
            "modelId": account["model_id"],
            "channelId": account["channel_id"],
            "config": account["config"],
        }
        if account["ciphertext"] is not None:
            fields["credentials"] = self._vault.decrypt(
                account_id, account["ciphertext_version"], account["ciphertext"]
            )
        body = {name: value for name, value in fields.items() if value is not None}
        try:
            status = self._service.register(  # guard: registration-key, registration-fence
                account_id, body, key=f"{account_id}:{version}", fencing_token=fence
            )
        except AccountSuspended:
            raise
        except ServiceRefused as error:  # guard: no-words-of-the-service
            raise RegistrationRefused(_registering(error)) from None
        except ServiceConflict as error:
            raise ServiceConflict(
                _registering(error), retry_after=error.retry_after, in_progress=error.in_progress
            ) from None
        except ResponseUnreadable as error:
            # A service may accept a registration without a body (204): it has the account then.
            budget.need_call()
            known = self._service.account_status(account_id)
            if known is None:
                raise ResponseUnreadable(_registering(error)) from None
            status = known
        except ServiceError as error:
            raise type(error)(_registering(error), retry_after=error.retry_after) from None
        self._store.mark_registered(account_id, version)  # guard: registration-is-stored
        return status


def _registering(error: ServiceError) -> str:
    responded = f"the service responded {error.status}" if error.status else "no usable response"
    return f"{responded} while the account was being registered"
