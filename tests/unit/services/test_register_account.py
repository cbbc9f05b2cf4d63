"""Credentials go to the actions service and nowhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flamebot.domain.errors import (
    AccountSuspended,
    OutcomeUnknown,
    ResponseUnreadable,
    ServiceConflict,
    ServiceDenied,
    ServiceError,
    ServiceRefused,
    ServiceThrottled,
    VaultError,
)
from flamebot.domain.ids import AccountId
from flamebot.services.stepping.phases.register import RegisterAccount, RegistrationRefused
from flamebot.services.time_budget import TimeBudget
from tests.unit.services.stand_ins import ScriptedService

SECRET = "planted-hunter2"


class AccountStore:
    """A store that holds one account."""

    def __init__(self, **changes: Any) -> None:
        self.row: dict[str, Any] = {
            "model_id": "m",
            "channel_id": "c",
            "config": {"a": 1},
            "credentials_version": 100007,
            "ciphertext": b"x",
            "ciphertext_version": 100003,
            **changes,
        }
        self.registered: list[int] = []

    def load_credentials(self, account_id: str) -> dict[str, Any]:
        return self.row

    def mark_registered(self, account_id: str, version: int) -> bool:
        self.registered.append(version)
        return True


class OpenVault:
    """Decrypts whatever was bound to version 100003."""

    def decrypt(self, account_id: str, version: int, ciphertext: bytes) -> dict[str, object]:
        if version != 100003:
            raise VaultError
        return {"password": SECRET}


def register(store: AccountStore, service: ScriptedService) -> str:
    """Register the account of the store."""
    accounts = RegisterAccount(store, service, OpenVault())  # type: ignore[arg-type]  # as much of the ports as is called
    return accounts.register(AccountId("acc"), fence=9, budget=TimeBudget(lambda: 60.0))


def test_body_and_key_are_those_of_the_version() -> None:
    """The key names the account's version, the body holds the credentials."""
    store, service = AccountStore(), ScriptedService(register="active")
    assert register(store, service) == "active"
    body = {
        "modelId": "m",
        "channelId": "c",
        "config": {"a": 1},
        "credentials": {"password": SECRET},
    }
    assert service.calls == [("register", ("acc", body, "acc:100007", 9))]
    assert store.registered == [100007]


def test_what_the_account_has_not_is_left_out() -> None:
    """An account without credentials is registered all the same."""
    service = ScriptedService(register="active")
    register(AccountStore(ciphertext=None, ciphertext_version=None, channel_id=None), service)
    assert service.calls[0][1][1] == {"modelId": "m", "config": {"a": 1}}


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ServiceRefused(f"bad password {SECRET}"), RegistrationRefused),
        (ServiceThrottled(SECRET, retry_after=timedelta(seconds=3)), ServiceThrottled),
        (OutcomeUnknown(SECRET), OutcomeUnknown),
        (ServiceDenied(SECRET), ServiceDenied),
        (ServiceConflict(SECRET, in_progress=True), ServiceConflict),
    ],
)
def test_the_services_words_are_kept_back(raised: ServiceError, kind: type[ServiceError]) -> None:
    """I10: a response to a registration may repeat credentials, so its text is dropped."""
    store = AccountStore()
    with pytest.raises(kind) as caught:
        register(store, ScriptedService(register=raised))
    assert SECRET not in str(caught.value)
    assert SECRET not in caught.value.detail
    assert caught.value.retry_after == raised.retry_after
    assert store.registered == []


def test_the_status_of_the_response_is_named() -> None:
    """An operator learns what the service responded, and that it was the registration."""
    with pytest.raises(RegistrationRefused, match="responded 422 while the account was being"):
        register(AccountStore(), ScriptedService(register=ServiceRefused(SECRET, status=422)))
    with pytest.raises(OutcomeUnknown, match="no usable response while"):
        register(AccountStore(), ScriptedService(register=OutcomeUnknown(SECRET)))


def test_a_registration_accepted_without_a_body_is_read_back() -> None:
    """204 is an acceptance; the account's status comes from a read."""
    store = AccountStore()
    service = ScriptedService(register=ResponseUnreadable(), account_status="active")
    assert register(store, service) == "active"
    assert store.registered == [100007]
    lost = ScriptedService(register=ResponseUnreadable(), account_status=None)
    with pytest.raises(OutcomeUnknown):
        register(AccountStore(), lost)


def test_a_suspension_found_by_the_registration_is_one() -> None:
    """It is no mere refusal: the workflow must stop."""
    with pytest.raises(AccountSuspended):
        register(AccountStore(), ScriptedService(register=AccountSuspended("suspended")))
