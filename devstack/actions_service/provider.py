"""The provider behind the simulated actions service: accounts, jobs, remembered keys, a ledger.

With a state file everything survives a SIGKILL: each change is appended to the file before the
response is sent. Credentials are kept as a digest only: they are in clear in the registration
request and nowhere else.
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
    """The behaviour of the provider. Jobs take schedule time, latency is wall time."""

    latency: float = 0.0  # seconds before a request is processed
    down: bool = False  # every connection is dropped
    text_seconds: float = 1.5  # of a job without a count
    swipe_seconds: float = 3.0  # of a job with a count, and the next line per swipe
    seconds_per_swipe: float = 0.5
    refuse_old_fences: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account, as the provider knows it."""

    id: str
    status: Literal["active", "suspended"] = "active"
    registered: bool = False
    model_id: str | None = None
    channel_id: str | None = None
    config: Json = field(default_factory=dict)
    credentials_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The request that a key was used for."""

    digest: str
    task_id: str | None  # None: a registration
    at: float  # wall time


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A valid write that is to be processed."""

    operation: str
    account: str
    key: str
    body: Json
    digest: str
    fence: int | None
    job_seconds: float | None = None  # None: as the settings say


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The reason for refusing a write."""

    status: int
    detail: str


class Provider:
    """The whole state of the simulation, behind one lock."""

    def __init__(self, now: Callable[[], float], state_file: Path | None = None) -> None:
        """Restore the content of the state file. `now` returns schedule time."""
        self._now = now
        self._lock = threading.RLock()
        self.settings = Settings()
        self._accounts: dict[str, Account] = {}
        self._jobs: dict[str, Job] = {}
        self._keys: dict[str, Remembered] = {}
        self._ledger: list[Json] = []
        self._overlaps: list[Json] = []
        # account -> keys or job ids of the writes that are being processed
        self._at_work: dict[str, list[str]] = {}
        self._fences: dict[str, int] = {}
        self._journal = Journal(state_file) if state_file is not None else None
        for kind, content in self._journal.entries if self._journal is not None else ():
            self._apply(kind, content)

    def close(self) -> None:
        """Close the state file; keep no further change."""
        with self._lock:
            if self._journal is not None:
                self._journal.close()
                self._journal = None

    # Reading

    def account(self, account_id: str) -> Json | None:
        """Return the account as the service does; None before it is registered."""
        with self._lock:
            account = self._accounts.get(account_id)
        return (
            {"id": account.id, "status": account.status}
            if account is not None and account.registered
            else None
        )

    def job(self, task_id: str) -> Json | None:
        """Return a job as the service does; None if there is none."""
        with self._lock:
            job = self._jobs.get(task_id)
        return job.shown(self._now()) if job is not None else None

    def find(self, key: str) -> Json | None:
        """Return the job that was submitted under a key, while the key is remembered."""
        with self._lock:
            known = self._known(key)
        return self.job(known.task_id) if known is not None and known.task_id is not None else None

    def ledger(self, account: str | None = None) -> Json:
        """Return all writes in the order of their end, jobs, overlaps and accounts."""
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
        """Mark a write as being processed. A second one for the account meanwhile is an overlap."""
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
        """Register an account, or its new version."""
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
        """Start a job. The same key returns the same job, in whatever state it is.

        Returns:
            The job's id and whether it is a new one, or the reason for a refusal.
        """
        with self._lock:
            refused = self._refusal(write, effect=True)
            if refused is not None:
                return refused
            known = self._known(write.key)
            if known is not None and known.task_id is not None:
                return known.task_id, False
            task_id = (
                "job-" + hashlib.sha256(f"{write.key}\n{write.account}".encode()).hexdigest()[:20]
            )
            if task_id in self._jobs:  # the key was forgotten: the effect happens again
                task_id = f"{task_id}-{len(self._jobs)}"
            job = Job(
                task_id=task_id,
                key=write.key,
                account=write.account,
                operation=write.operation,
                body=write.body,
                started=self._now(),
                seconds=max(self._job_seconds(write), 0.001),
                end=end,
            )
            # Job and key are one entry: after a SIGKILL between two of them the same key would
            # start a second job.
            self._note("accepted", {"job": asdict(job), "digest": write.digest, "at": time.time()})
            return task_id, True

    def cancel(self, task_id: str) -> Json | None:
        """Cancel a job and return it; a finished one stays finished. None if there is none."""
        with self._lock:
            job = self._jobs.get(task_id)
            if job is None:
                return None
            if job.is_open(self._now()):
                self._note("cancelled", {"task_id": task_id, "at": self._now()})
            return self.job(task_id)

    def account_of(self, task_id: str) -> str | None:
        """Return the account of a job; None if there is no such job."""
        with self._lock:
            job = self._jobs.get(task_id)
            return job.account if job is not None else None

    def written(self, entry: Json) -> None:
        """Add a write to the ledger, whether or not its response was sent."""
        with self._lock:
            self._note("write", entry)

    # Administration

    def change(self, settings: Mapping[str, Any]) -> Json:
        """Change settings and return all. Raises `TypeError` for an unknown one or a wrong type."""
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
        """Suspend an account, or make it active again."""
        with self._lock:
            before = self._accounts.get(account_id) or Account(id=account_id)
            self._note("account", asdict(replace(before, status=status)))

    def forget_keys(self) -> int:
        """Forget all keys, as the service does after 24 hours. Return how many there were."""
        with self._lock:
            count = len(self._keys)
            self._note("forgotten", {})
            return count

    # Private methods; called with the lock held

    def _job_seconds(self, write: Write) -> float:
        if write.job_seconds is not None:
            return write.job_seconds
        swipes = write.body.get("count")
        if swipes is None:
            return self.settings.text_seconds
        return self.settings.swipe_seconds + float(swipes) * self.settings.seconds_per_swipe

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
                return Refused(status=409, detail="a write with a newer fencing token was accepted")
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
