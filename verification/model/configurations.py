"""Configurations that hold, guards that are needed, rare states that are reached."""

from __future__ import annotations

from dataclasses import dataclass

ALL = "F_CRASH F_FREEZE F_DUP F_LOSS F_REPLY F_LOCK F_WIPE F_VENDOR F_JOB F_LATE F_AGE"
ACTS = "O_PAUSE O_GLOBAL O_STOP O_RETRY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the checker, with the expectation of no counterexample or of one."""

    name: str
    options: str
    liveness: bool = (
        # everything ends, under weak fairness; without it: no assertion fails and no process is
        # stuck
        False
    )
    holds: bool = True
    quick: bool = False


def holds(name: str, options: str, *, liveness: bool = False, quick: bool = False) -> Run:
    """A configuration in which the protocol keeps its promises."""
    return Run(name=name, options=options, liveness=liveness, quick=quick)


def missed(guard: str, options: str, *, liveness: bool = False, quick: bool = False) -> Run:
    """A configuration that breaks a promise once these guards are taken away (see BASES)."""
    return Run(
        name=guard, options=f"{options} {guard}", liveness=liveness, holds=False, quick=quick
    )


def reached(state: str, options: str, *, quick: bool = False) -> Run:
    """A configuration that reaches a rare state, so that promises do not hold for lack of it."""
    return Run(name=state, options=f"{options} REACH={state}", holds=False, quick=quick)


HOLDS = [
    holds("no fault: nothing is wasted", "NT=3 FIRST=TIMER", quick=True),
    holds("any one fault", f"NT=6 FIRST=TIMER FAULTS=1 {ALL}", quick=True),
    holds("any two acts", f"NT=6 OPS=2 {ACTS}"),
    holds("any one fault and any one act", f"NT=6 FAULTS=1 OPS=1 {ALL} {ACTS}"),
    holds("any two faults", f"NT=6 FAULTS=2 {ALL}"),
    holds("any two faults, in a chain", f"NT=6 FIRST=TIMER FAULTS=2 {ALL}"),
    holds(
        "lost messages, until a task is given up", "NT=3 MAXSEND=2 FAULTS=3 F_LOSS F_CRASH F_REPLY"
    ),
    holds("a backlog that outlasts leases", "NT=4 BACKLOG=1 FAULTS=1 F_CRASH F_FREEZE F_REPLY"),
    holds("two workflows, the service fails", "NI=2 NT=3 FAULTS=2 F_VENDOR F_LOCK F_WIPE"),
    holds(
        "two workflows, two crashes or freezes", "NI=2 NT=3 MAXRECLAIM=1 FAULTS=2 F_CRASH F_FREEZE"
    ),
    holds(
        "two workflows, stop and retry",
        "NI=2 NT=3 MAXRECLAIM=1 FAULTS=1 OPS=1 F_FREEZE F_VENDOR O_STOP O_RETRY",
    ),
    holds("ends: any one fault", f"NT=6 FIRST=TIMER FAULTS=1 {ALL}", liveness=True, quick=True),
    holds("ends: any one act", f"NT=6 OPS=1 {ACTS}", liveness=True),
    holds(
        "ends: a fault, and a stop or pause",
        "NT=5 OPS=1 FAULTS=1 F_CRASH F_VENDOR O_STOP O_PAUSE",
        liveness=True,
    ),
    holds(
        "ends: a fault, and a global pause or retry",
        "NT=5 OPS=1 FAULTS=1 F_CRASH F_VENDOR F_REPLY O_GLOBAL O_RETRY",
        liveness=True,
    ),
    holds("ends: under a backlog", "NT=3 BACKLOG=1", liveness=True),
    holds(
        "ends: without waiting for a lock to expire",
        f"NT=5 FAULTS=1 {ALL} M_NO_EXPIRY",
        liveness=True,
    ),
    holds("ends: two workflows", "NI=2 NT=3 MAXATT=1 FAULTS=1 F_CRASH F_VENDOR", liveness=True),
    holds(
        "ends: a stop under a global pause for ever",
        "NT=5 OPS=2 FOR_EVER O_GLOBAL O_STOP",
        liveness=True,
    ),
]

# One write of unknown outcome, and a second workflow of the account.
_TWO_UNKNOWN = "NI=2 NT=3 MAXATT=1 FAULTS=1 F_VENDOR"

# Two guards for one promise: taking one away changes nothing observable, taking both does.
WALLS = [
    holds(
        "wall: M_BEGIN_ANY_INSTANCE",
        "NT=4 OPS=1 FAULTS=1 F_DUP O_PAUSE O_STOP M_BEGIN_ANY_INSTANCE",
    ),
    holds(
        "wall: M_PAUSE_LEAVES_TASK", "NT=4 OPS=1 FAULTS=1 F_DUP O_PAUSE O_STOP M_PAUSE_LEAVES_TASK"
    ),
]

# A look-up fails no write that may still arrive, and the lock keeps others out until then.
WALLS += [
    holds("wall: M_NO_LOOK_UP", f"{_TWO_UNKNOWN} M_NO_LOOK_UP"),
    holds("wall: M_RELEASE_UNKNOWN", f"{_TWO_UNKNOWN} M_RELEASE_UNKNOWN"),
    holds("wall: M_EARLIER_FORGOTTEN", "NI=2 NT=3 FAULTS=2 F_VENDOR M_EARLIER_FORGOTTEN"),
]

GUARDS = [
    missed("M_BEGIN_ANY_FENCE", "NT=3 OPS=1 O_PAUSE"),
    missed("M_BEGIN_ANY_STATUS", "NT=3 OPS=1 FAULTS=1 O_GLOBAL F_DUP"),
    missed("M_BEGIN_KEEPS_FENCE", "NT=3 FAULTS=1 F_FREEZE"),
    missed("M_BEGIN_FOR_ANY_DELIVERY", "NT=3 FAULTS=1 F_DUP FIRST=TIMER"),
    missed("M_GLOBAL_READ_EARLY", "NT=3 OPS=1 O_GLOBAL"),
    missed("M_NOT_GIVEN_BACK", "NT=3 OPS=1 O_GLOBAL M_NO_RESEND", liveness=True),
    missed("M_PAUSE_LEAVES_TASK M_BEGIN_ANY_INSTANCE", "NT=3 OPS=1 O_PAUSE"),
    missed("M_SUCCESSOR_ALWAYS_RUNS", "NT=3 OPS=1 O_PAUSE FIRST=TIMER", quick=True),
    missed("M_COMMIT_ANY_FENCE", "NT=3 FAULTS=1 F_FREEZE", quick=True),
    missed("M_COMMIT_ANY_STATUS", "NT=3 FAULTS=1 F_REPLY"),
    missed("M_COMMIT_FORGETS", "NT=3 FAULTS=1 F_REPLY"),
    missed("M_REPEAT_ANY_OWNER", "NT=4 FAULTS=2 F_REPLY F_FREEZE FIRST=TIMER"),
    missed("M_STOP_FORGETS_JOB", "NT=4 OPS=1 O_STOP"),
    missed("M_STOP_FORGETS_UNKNOWN", "NT=4 OPS=1 FAULTS=1 O_STOP F_VENDOR"),
    missed("M_STOP_AT_ONCE", "NT=4 OPS=1 O_STOP"),
    missed("M_CANCEL_LOOKS_ONCE", "NT=4 OPS=1 FAULTS=1 O_STOP F_VENDOR"),
    missed("M_CANCEL_HELD", "NT=5 OPS=2 FOR_EVER O_GLOBAL O_STOP", liveness=True),
    missed("M_EXPIRED_IS_KNOWN", "NT=4 OPS=1 FAULTS=1 O_STOP F_CRASH"),
    missed("M_NEW_KEY", "NT=4 MAXATT=3 FAULTS=1 F_VENDOR"),
    missed("M_RETRY_NEW_TASK", "NT=4 MAXRECLAIM=1 OPS=1 FAULTS=1 O_RETRY F_CRASH"),
    missed("M_FAILS_UNASKED", "NT=4 MAXATT=1 FAULTS=1 F_VENDOR"),
    missed("M_LOOKS_UP_ONCE", "NT=4 MAXATT=1 FAULTS=1 F_VENDOR"),
    missed("M_NO_KEY_AGE", "NT=4 FAULTS=2 F_VENDOR F_AGE"),
    missed("M_SERVICE_WITHOUT_KEYS", "NT=3 FAULTS=1 F_VENDOR"),
    missed("M_RESEND_NEW_FENCE", "NT=3 BACKLOG=1", liveness=True),
    missed("M_NO_RESEND", "NT=3 FAULTS=1 F_LOSS", liveness=True, quick=True),
    missed("M_NO_RECLAIM", "NT=3 FAULTS=1 F_CRASH", liveness=True),
    missed("M_RECLAIM_LEASED", "NT=3"),
    missed("M_RECLAIMS_EVERY", "NT=3 MAXRECLAIM=1 FAULTS=2 F_CRASH"),
    missed("M_RECLAIMS_FORGOTTEN", "NT=3 FAULTS=2 F_CRASH"),
    missed("M_NO_LOCK", "NI=2 NT=3 MAXRECLAIM=1 FAULTS=1 F_FREEZE"),
    missed("M_LOCK_ANY_ORDER", "NT=3 OPS=1 O_PAUSE"),
    missed("M_LOCK_KEPT_BY_THE_DEAD", "NT=3 FAULTS=1 F_VENDOR M_NO_EXPIRY", liveness=True),
    missed("M_DEAD_HOLDER_KEEPS", "NT=3 FAULTS=1 F_CRASH M_NO_EXPIRY", liveness=True),
    missed("M_NO_EXPIRY", f"{_TWO_UNKNOWN} M_NO_LOOK_UP", liveness=True),
    missed("M_RELEASE_ANY", "NI=2 NT=3 MAXRECLAIM=1 FAULTS=1 F_FREEZE"),
    missed("M_RELEASE_EARLY", "NI=2 NT=3 MAXRECLAIM=1 FAULTS=1 F_FREEZE"),
    missed("M_RELEASE_UNKNOWN", f"{_TWO_UNKNOWN} M_NO_LOOK_UP"),
    missed("M_EARLIER_FORGOTTEN", "NI=2 NT=3 FAULTS=2 F_VENDOR M_NO_LOOK_UP"),
    missed("M_CHAIN_UNLOCKED", "NI=2 NT=3 MAXRECLAIM=1 FAULTS=1 F_FREEZE FIRST=TIMER"),
    missed("M_NO_TIME_CHECK", "NT=4 OPS=1 FAULTS=1 O_STOP F_FREEZE"),
    missed("M_SEND_FIRST", "NT=3"),
    missed("M_TWO_LIVE", "NI=2 NT=3"),
]

REACHED = [
    reached("COMMIT_REPEATED", "NT=3 FAULTS=1 F_REPLY"),
    reached("REPEATED_COMMIT_GOES_ON", "NT=3 FIRST=TIMER FAULTS=1 F_REPLY"),
    reached("COMMIT_STALE", "NT=3 FAULTS=1 F_FREEZE", quick=True),
    reached("BEGIN_REPEATED", "NT=3 FAULTS=1 F_REPLY"),
    reached("RELEASED_UNDER_PAUSE", "NT=3 OPS=1 O_GLOBAL"),
    reached("DUPLICATE", "NT=3 FAULTS=1 F_DUP"),
    reached("LOCK_HELD", "NI=2 NT=3 MAXATT=1 FAULTS=1 F_VENDOR"),
    reached("LOCK_TAKEN_FROM_A_LIVING", "NT=3 FAULTS=1 F_FREEZE"),
    reached("LOCK_TAKEN_FROM_A_DEAD", "NT=3 FAULTS=1 F_CRASH"),
    reached("LOCK_EXPIRED_ON_A_LIVING", "NT=3 FAULTS=1 F_FREEZE"),
    reached("SENT_AFTER_A_FREEZE", "NT=3 FAULTS=1 F_FREEZE"),
    reached("RECLAIMED", "NT=3 FAULTS=1 F_CRASH"),
    reached("CRASH_LOOP", "NT=3 FAULTS=2 F_CRASH"),
    reached("RESENT", "NT=3 FAULTS=1 F_LOSS"),
    reached("UNDELIVERABLE", "NT=3 MAXSEND=2 FAULTS=2 F_LOSS"),
    reached("OLD_KEY_LOOKED_UP", "NT=4 FAULTS=2 F_VENDOR F_AGE"),
    reached("LOOKED_UP", "NT=4 MAXATT=1 FAULTS=1 F_VENDOR"),
    reached("ABSENT_TWICE", "NT=4 MAXATT=1 FAULTS=1 F_VENDOR"),
    reached("CANCEL_FINDS_NOTHING", "NT=4 OPS=1 FAULTS=1 O_STOP F_VENDOR"),
    reached("CANCEL_UNCONFIRMED", "NT=4 MAXATT=1 OPS=1 FAULTS=1 O_STOP F_VENDOR"),
    reached("RETRIED", "NT=4 MAXATT=1 OPS=1 FAULTS=1 O_RETRY F_VENDOR"),
]

# The configuration that each guard was taken away from: a counterexample counts only if there is
# none before.
BASES = [
    holds(f"before {run.name}", run.options.removesuffix(run.name), liveness=run.liveness)
    for run in {(run.options.removesuffix(run.name), run.liveness): run for run in GUARDS}.values()
]

RUNS = {
    "must hold": HOLDS,
    "second walls": WALLS,
    "guards that must be missed": GUARDS,
    "rare states that must be reached": REACHED,
}
