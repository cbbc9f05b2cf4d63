"""The step queue and its poller.

Visibility, delay, receive counts, a dead-letter queue, batches, at-least-once delivery.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verification.simulation.scheduler import MINUTE, SECOND

if TYPE_CHECKING:
    from verification.simulation.world import World

VISIBILITY = 360 * SECOND
MOST_RECEIVES = 5
BATCH = 2


@dataclass(slots=True)
class Message:
    """A message with its visibility and receive count."""

    number: int
    body: str
    visible_at: int
    receives: int = 0
    gone: bool = False


class SimQueue:
    """Keeps messages and passes visible ones to step environments, as many as may run at once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._messages: list[Message] = []
        self._count = 0
        self.dead_letters: list[Message] = []
        self.history: list[str] = []  # every body that was ever accepted
        self.places = world.rng.randint(2, 5)
        self.at_work = 0

    def put(self, body: str, delay_seconds: int) -> None:
        """Accept a message, and apply the faults that at-least-once delivery allows."""
        world, faults = self._world, self._world.faults
        world.oracle.said("a message", body)
        self.history.append(body)
        if faults.fires("queue.lost") or world.scheduler.now < world.queue_dead_until:
            world.trace("a message is lost")
            return
        delay = delay_seconds * SECOND + world.rng.randint(0, 500_000)
        if faults.fires("queue.delayed"):
            delay += world.rng.randint(SECOND, world.rng.choice([10, 300, 3600]) * SECOND)
        self._add(body, delay)
        if faults.fires("queue.duplicated"):
            self._add(body, delay + world.rng.choice([0, 0, world.rng.randint(0, 5 * MINUTE)]))

    def purge(self) -> None:
        """Delete all messages in the queue."""
        for message in self._messages:
            message.gone = True
        self._messages.clear()

    def redrive(self) -> None:
        """Deliver dead letters and any earlier message once more."""
        bodies = [message.body for message in self.dead_letters]
        self.dead_letters.clear()
        if self.history:
            bodies += [
                self._world.rng.choice(self.history) for _ in range(self._world.rng.randint(1, 3))
            ]
        for body in bodies:
            self._add(body, self._world.rng.randint(0, 10 * SECOND))

    def _add(self, body: str, delay: int) -> None:
        self._count += 1
        message = Message(self._count, body, self._world.scheduler.now + delay)
        self._messages.append(message)
        self._world.scheduler.at(message.visible_at, self.poll)

    def poll(self) -> None:
        """Start invocations for visible messages."""
        world = self._world
        while self.at_work < self.places:
            seen = [
                message for message in self._messages if message.visible_at <= world.scheduler.now
            ]
            if not seen:
                return
            batch = world.rng.sample(seen, min(len(seen), world.rng.randint(1, BATCH)))
            taken = []
            for message in batch:
                message.receives += 1
                if message.receives > MOST_RECEIVES:
                    self._messages.remove(message)
                    self.dead_letters.append(message)
                    world.rare("a message died")
                    continue
                message.visible_at = world.scheduler.now + VISIBILITY
                world.scheduler.at(message.visible_at, self.poll)
                taken.append(message)
            if taken:
                self.at_work += 1
                world.platform.step(taken)

    def ended(self, messages: list[Message], failed: set[str] | None) -> None:
        """Note the end of an invocation. None: it died and acknowledged nothing."""
        self.at_work -= 1
        for message in messages:
            if failed is not None and str(message.number) not in failed and not message.gone:
                message.gone = True
                self._messages.remove(message)
        self._world.scheduler.at(self._world.scheduler.now, self.poll)

    @property
    def waiting(self) -> int:
        """Return the messages that are still to be delivered."""
        return len(self._messages)
