"""Register an account at the actions service, once per version of its credentials."""

from __future__ import annotations

from flamebot.domain.errors import ServiceError, ServiceRefused
from flamebot.domain.ids import AccountId
from flamebot.ports.actions_service import AccountStatus, ActionsService
from flamebot.ports.engine_store import EngineStore
from flamebot.ports.vault import Vault


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

    def register(self, account_id: AccountId, *, fence: int) -> AccountStatus:
        """Register the account's current version.

        The caller has the account's lock. The same version has the same key and body each time.

        Raises:
            VaultError: The credentials cannot be decrypted.
            RegistrationRefused: The service refused the registration.
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
        except ServiceRefused:  # guard: no-words-of-the-service
            raise RegistrationRefused from None
        except ServiceError as error:
            raise type(error)(
                "while the account was being registered", retry_after=error.retry_after
            ) from None
        self._store.mark_registered(account_id, version)  # guard: registration-is-stored
        return status
