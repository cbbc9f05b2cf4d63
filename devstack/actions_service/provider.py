"""The provider behind the simulated actions service: accounts, jobs that take their time, remembered keys, a ledger.

With a state file everything survives a SIGKILL: each change is appended to it before it is answered. Credentials are kept
as a digest only, so that the one place where they may appear in clear is the registration call itself.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from devstack.actions_service.job import Job, Json
from devstack.actions_service.journal import Journal

KEY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the provider behaves. Jobs take schedule time; latency is real."""

    latency: float = 0.0  # seconds before anything is done
    down: bool = False  # no connection gets an answer
    text_seconds: float = 1.5
    swipe_seconds: float = 3.0
    seconds_per_swipe: float = 0.5
    refuse_old_fences: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as the provider knows it."""

    id: str
    status: Literal["active", "suspended"] = "active"
    registered: bool = False
    model_id: str | None = None
    channel_id: str | None = None
    config: Json = field(default_factory=dict)
    credentials_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a key stands for."""

    digest: str
    task_id: str | None  # None: a registration
    at: float  # wall time


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A write to do."""

    operation: str
    account: str
    key: str
    body: Json
    digest: str
    fence: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a write is not done."""

    status: int
    detail: str


class Provider:
    """All state, behind one lock."""

    def __init__(self, now: Callable[[], float], state_file: Path | None = None) -> None:
        """Take up what the state file holds. `now` is schedule time."""
        self._now = now
        self._lock = threading.RLock()
        self.settings = Settings()
        self._accounts: dict[str, Account] = {}
        self._jobs: dict[str, Job] = {}
        self._keys: dict[str, Remembered] = {}
        self._ledger: list[Json] = []
        self._overlaps: list[Json] = []
        self._at_work: dict[
            str, list[str]
        ] = {}  # account -> keys or job ids of the writes that are being answered
        self._fences: dict[str, int] = {}
        self._journal = Journal(state_file) if state_file is not None else None
        for kind, content in self._journal.entries if self._journal is not None else ():
            self._apply(kind, content)

    def close(self) -> None:
        """Keep no further change."""
        with self._lock:
            if self._journal is not None:
                self._journal.close()
                self._journal = None

    # Reading

    def account(self, account_id: str) -> Json | None:
        """The account as the service answers it, once it is registered."""
        with self._lock:
            account = self._accounts.get(account_id)
        return (
            {"id": account.id, "status": account.status}
            if account is not None and account.registered
            else None
        )

    def job(self, task_id: str) -> Json | None:
        """A job as the service answers it."""
        with self._lock:
            job = self._jobs.get(task_id)
        return job.shown(self._now()) if job is not None else None

    def find(self, key: str) -> Json | None:
        """The job made under a key that is still remembered."""
        with self._lock:
            known = self._known(key)
        return self.job(known.task_id) if known is not None and known.task_id is not None else None

    def ledger(self, account: str | None = None) -> Json:
        """Everything that was written here: calls in the order of their end, jobs, overlaps, accounts."""
        with self._lock:
            now = self._now()
            everything = {
                "writes": self._ledger,
                "jobs": [job.recorded(now) for job in self._jobs.values()],
                "overlaps": self._overlaps,
                "accounts": [
                    {**asdict(known), "account": known.id} for known in self._accounts.values()
                ],
            }
            return {
                name: [row for row in rows if account in (None, row["account"])]
                for name, rows in everything.items()
            }

    # Writing

    @contextmanager
    def at_work(self, account: str, key: str) -> Iterator[None]:
        """Mark a write as being answered; another one for the same account in the meantime is an overlap."""
        with self._lock:
            others = self._at_work.setdefault(account, [])
            if others:
                self._note(
                    "overlap", {"account": account, "keys": [*others, key], "at": time.time()}
                )
            others.append(key)
        try:
            yield
        finally:
            with self._lock:
                others.remove(key)

    def register(self, write: Write) -> Json | Refused:
        """Take an account over, or its new content."""
        with self._lock:
            refused = self._refusal(write, effect=False)
            if refused is not None:
                return refused
            if self._known(write.key) is None:
                before = self._accounts.get(write.account) or Account(id=write.account)
                credentials = json.dumps(
                    write.body.get("credentials", {}), sort_keys=True, separators=(",", ":")
                )
                self._note(
                    "account",
                    asdict(
                        replace(
                            before,
                            registered=True,
                            model_id=write.body.get("modelId"),
                            channel_id=write.body.get("channelId"),
                            config=write.body.get("config", {}),
                            credentials_sha256=hashlib.sha256(credentials.encode()).hexdigest(),
                        )
                    ),
                )
                self._note(
                    "key",
                    {"key": write.key, "digest": write.digest, "task_id": None, "at": time.time()},
                )
            account = self._accounts[write.account]
            return {"id": account.id, "status": account.status}

    def submit(
        self, write: Write, end: Literal["succeeded", "failed", "cancelled"] = "succeeded"
    ) -> tuple[str, bool] | Refused:
        """Begin a job; the same key is the same job, whatever became of it. Answers its id and whether it is a new one."""
        with self._lock:
            refused = self._refusal(write, effect=True)
            if refused is not None:
                return refused
            known = self._known(write.key)
            if known is not None and known.task_id is not None:
                return known.task_id, False
            swipes = write.body.get("count")
            seconds = self.settings.text_seconds
            if swipes is not None:
                seconds = self.settings.swipe_seconds + swipes * self.settings.seconds_per_swipe
            task_id = (
                "job-" + hashlib.sha256(f"{write.key}\n{write.account}".encode()).hexdigest()[:20]
            )
            if task_id in self._jobs:  # the key was forgotten: a new effect, as at a real provider
                task_id = f"{task_id}-{len(self._jobs)}"
            job = Job(
                task_id=task_id,
                key=write.key,
                account=write.account,
                operation=write.operation,
                body=write.body,
                started=self._now(),
                seconds=max(seconds, 0.001),
                end=end,
            )
            # One entry: a job without its key would be made once more for the same key after a SIGKILL between the two.
            self._note("accepted", {"job": asdict(job), "digest": write.digest, "at": time.time()})
            return task_id, True

    def cancel(self, task_id: str) -> Json | None:
        """Cancel a job; a finished one stays finished."""
        with self._lock:
            job = self._jobs.get(task_id)
            if job is None:
                return None
            if job.is_open(self._now()):
                self._note("cancelled", {"task_id": task_id, "at": self._now()})
            return self.job(task_id)

    def account_of(self, task_id: str) -> str | None:
        """Whose job it is."""
        with self._lock:
            job = self._jobs.get(task_id)
            return job.account if job is not None else None

    def written(self, entry: Json) -> None:
        """Put an answered or dropped call into the ledger."""
        with self._lock:
            self._note("write", entry)

    # What a person changes

    def change(self, settings: Mapping[str, Any]) -> Json:
        """Change how the provider behaves. Raises `TypeError` for an unknown setting or a value of another type."""
        with self._lock:
            changed = replace(self.settings, **settings)
            for name, value in settings.items():
                if isinstance(value, bool) != isinstance(
                    getattr(self.settings, name), bool
                ) or not isinstance(value, (int, float)):
                    raise TypeError(f"{name} may not be {value!r}")
            if settings:
                self._note("settings", asdict(changed))
            return asdict(self.settings)

    def set_status(self, account_id: str, status: Literal["active", "suspended"]) -> None:
        """Suspend an account or call it active again."""
        with self._lock:
            before = self._accounts.get(account_id) or Account(id=account_id)
            self._note("account", asdict(replace(before, status=status)))

    def forget_keys(self) -> int:
        """Behave as if every key were older than the service keeps them."""
        with self._lock:
            count = len(self._keys)
            self._note("forgotten", {})
            return count

    # Inside; called with the lock held

    def _known(self, key: str) -> Remembered | None:
        known = self._keys.get(key)
        return known if known is not None and time.time() - known.at < KEY_SECONDS else None

    def _refusal(self, write: Write, *, effect: bool) -> Refused | None:
        known = self._known(write.key)
        if known is not None:
            same = known.digest == write.digest
            return (
                None
                if same
                else Refused(
                    status=422, detail="this Idempotency-Key was used with another request"
                )
            )
        if write.fence is not None:
            highest = self._fences.get(write.account, write.fence)
            if write.fence < highest and self.settings.refuse_old_fences:
                return Refused(
                    status=409, detail="somebody with a newer fencing token has been here"
                )
            self._fences[write.account] = max(highest, write.fence)
        account = self._accounts.get(write.account)
        if effect and (account is None or not account.registered):
            return Refused(status=409, detail="the account is not registered")
        if effect and account is not None and account.status == "suspended":
            return Refused(status=409, detail="the account is suspended")
        return None

    def _note(self, kind: str, content: Json) -> None:
        if self._journal is not None:
            self._journal.append(kind, content)
        self._apply(kind, content)

    def _apply(self, kind: str, content: Json) -> None:
        match kind:
            case "account":
                self._accounts[content["id"]] = Account(**content)
            case "accepted":
                job = Job(**content["job"])
                self._jobs[job.task_id] = job
                self._keys[job.key] = Remembered(
                    digest=content["digest"], task_id=job.task_id, at=content["at"]
                )
            case "key":
                self._keys[content["key"]] = Remembered(
                    digest=content["digest"], task_id=content["task_id"], at=content["at"]
                )
            case "cancelled":
                self._jobs[content["task_id"]] = replace(
                    self._jobs[content["task_id"]], cancelled=content["at"]
                )
            case "write":
                self._ledger.append(content)
            case "overlap":
                self._overlaps.append(content)
            case "settings":
                self.settings = Settings(**content)
            case "forgotten":
                self._keys.clear()
