"""The seams: names in the engine's modules that stand for a machine, and their substitutes."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock
from uuid import UUID

import psycopg2
import psycopg2.extensions

import devstack.actions_service.provider
import devstack.actions_service.server
from flamebot import resources
from flamebot.adapters.actions_api import client as actions_client
from flamebot.adapters.kms import vault
from flamebot.adapters.postgres import connection
from flamebot.adapters.template_writer import writer as template_writer
from flamebot.domain.action import TextBrief
from flamebot.domain.errors import WriterUnanswered, WriterWait
from flamebot.http import request
from flamebot.ports.writer import Written
from flamebot.services.definitions import catalog
from flamebot.services.imports import idempotency
from flamebot.services.maintenance import run as maintenance
from flamebot.services.stepping import call_pool, run_tasks
from flamebot.services.ticking import dispatch
from flamebot.services.workflows import start
from verification.simulation import threads
from verification.simulation.database import SimConnection, connect_in
from verification.simulation.environment import environments_for_bootstrap, present
from verification.simulation.service import SimTransport, VirtualTime

if TYPE_CHECKING:
    from verification.simulation.world import World


@contextmanager
def replaced(world: World) -> Iterator[None]:
    """Replace the machine in the engine's modules for the length of a seed."""
    threads.World.scheduler = world.scheduler
    lock = types.SimpleNamespace(Lock=threads.FiberLock)
    identifiers = lambda: UUID(int=world.rng.getrandbits(128), version=4)  # noqa: E731

    def connect(*_: Any, **__: Any) -> SimConnection:
        return connect_in(world, present())

    def api(*arguments: Any, **named: Any) -> Any:
        return _ActionsApi(*arguments, wall=resources.clock().wall, **named)

    client = types.SimpleNamespace(
        connect=connect,
        Error=psycopg2.Error,
        OperationalError=psycopg2.OperationalError,
        InterfaceError=psycopg2.InterfaceError,
        extensions=psycopg2.extensions,
    )
    clock = VirtualTime(world)
    with ExitStack() as stack:
        for module, name, substitute in (
            *environments_for_bootstrap(),
            (connection, "psycopg2", client),
            (connection, "threading", lock),
            (vault, "threading", lock),
            (
                vault,
                "KmsVault",
                lambda *arguments: _KmsVault(*arguments, monotonic=resources.clock().monotonic),
            ),
            (catalog, "Lock", threads.FiberLock),
            (run_tasks, "ThreadPoolExecutor", threads.FiberPool),
            (call_pool, "Lock", threads.FiberLock),
            (call_pool, "SimpleQueue", threads.FiberQueue),
            (actions_client, "ActionsApi", api),
            (template_writer.TemplateWriter, "write", _throttled_writer(world)),
            (actions_client, "DeadlineTransport", lambda _: SimTransport(present())),
            *((module, "uuid4", identifiers) for module in (start, run_tasks, dispatch, request)),
            (maintenance, "DELETE_BATCH", 3),
            (idempotency, "hashlib", types.SimpleNamespace(scrypt=_quick_scrypt)),
            (devstack.actions_service.provider, "time", clock),
            (devstack.actions_service.server, "time", clock),
        ):
            stack.enter_context(mock.patch.object(module, name, substitute))
        yield


_ActionsApi = actions_client.ActionsApi
_KmsVault = vault.KmsVault


def _throttled_writer(world: World) -> Callable[..., Written]:
    """Return a way to write that a rate limit may stop."""
    write = template_writer.TemplateWriter.write

    def throttled(writer: Any, brief: TextBrief) -> Written:
        if world.is_down("ai"):
            raise WriterUnanswered("The AI service did not respond in time.")
        if world.faults.fires("ai.throttled"):
            wait = timedelta(seconds=world.rng.randint(1, 3600))
            raise WriterWait("429", retry_after=wait if world.rng.random() < 0.5 else None)
        return write(writer, brief)

    return throttled


def _quick_scrypt(password: bytes, *, salt: bytes, **_: int) -> bytes:
    return hashlib.sha256(salt + password).digest()
