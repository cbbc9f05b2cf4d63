"""Hand an account over to the actions service, once per version of its credentials."""

from __future__ import annotations

from flamebot.domain.errors import ServiceError, ServiceRefused
from flamebot.ports.actions_service import AccountStatus, ActionsService
from flamebot.ports.engine_store import EngineStore
from flamebot.ports.vault import Vault


class RegistrationRefused(ServiceRefused):
    """The actions service refused the account's registration."""

    code = "registration_refused"


class RegisterAccount:
    """The only place where credentials are decrypted; they live in one call's local variables and one request's body."""

    def __init__(self, store: EngineStore, service: ActionsService, vault: Vault) -> None:
        """Take the accounts, the service and the vault."""
        self._store = store
        self._service = service
        self._vault = vault

    def register(self, account_id: str, *, fence: int) -> AccountStatus:
        """Register the account's present version, under its lock; the same version is the same key and body each time.

        Raises:
            VaultError: The credentials cannot be decrypted.
            RegistrationRefused: The service said no.
            ServiceError: It did not answer as it should. Its words are kept back either way: they may repeat what it was sent.
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
            status = self._service.register(
                account_id, body, key=f"{account_id}:{version}", fencing_token=fence
            )
        except ServiceRefused:
            raise RegistrationRefused from None
        except ServiceError as error:
            raise type(error)(
                "while the account was being registered", retry_after=error.retry_after
            ) from None
        self._store.mark_registered(account_id, version)
        return status
