"""The health checks of the services that steps call, and of workflows that fail together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flamebot.services.maintenance.check import Check

# Of the calls of a minute: below it single accounts fail, and their workflows show it.
FAILING_SHARE = 0.5
FEWEST_FAILING_CALLS = 3
# Within ten minutes, with one error code: a cause that they have in common.
MANY_FAILED = 10
_WHY = {
    "unanswered": "It does not respond. Nothing is to be done here: its tasks wait, none fails,"
    " and they continue when it responds.",
    "throttled": "It accepts no more calls at this rate. Its tasks wait; the rate is raised again"
    " by degrees.",
    "denied": "It does not accept the engine's token or key. Mend the secret; its tasks wait.",
}


def service_checks(facts: Mapping[str, Any]) -> list[Check]:
    """Return one check per service. None is urgent: what stands still is not the engine."""
    return [_service(service) for service in facts["services"]]


def _service(service: Mapping[str, Any]) -> Check:
    calls = service["calls"]
    failed = sum(int(calls[end]) for end in ("throttled", "denied", "unknown"))
    total = sum(int(number) for number in calls.values())
    share = f"{failed} of {total} calls failed in the last minute."
    last = f" Last failure: {service['last_failure']}" if service["last_failure"] else ""
    if service["state"] == "open":
        return Check(
            name=service["name"], ok=False, detail=_open(service, share + last), urgent=False
        )
    failing = failed >= FEWEST_FAILING_CALLS and failed >= FAILING_SHARE * total
    detail = share + last if failed else f"{total} calls were answered in the last minute."
    if service["state"] == "half_open":
        detail += (
            f" It responds again: {service['held_back']} tasks are released at a growing rate,"
            f" {float(service['per_second']):.0f} a second now."
        )
    elif service["per_second"] is not None:
        detail += (
            f" Its 429 responses have lowered the rate to {service['per_second']:.0f} a second."
        )
    return Check(name=service["name"], ok=not failing, detail=detail, urgent=False)


def _open(service: Mapping[str, Any], calls: str) -> str:
    begun = f"Open since {service['since']}: "
    waiting = f" {service['held_back']} tasks wait."
    if service["is_manual"]:
        name = service["name"]
        return (
            f"{begun}{service['changed_by']} opened it ({service['reason']}).{waiting}"
            f" `flamebot services close {name}` lets them continue."
        )
    return f"{begun}{_WHY.get(service['reason'], service['reason'])}{waiting} {calls}"


def failing_workflows(facts: Mapping[str, Any]) -> Check:
    """Return the check of workflows that failed lately for one reason."""
    failing = facts["failing"] or {"code": None, "failed": 0}
    failed, code = int(failing["failed"]), failing["code"]
    if failed < MANY_FAILED:
        return Check(
            name="failing_workflows",
            ok=True,
            detail=f"{failed} workflows failed for one reason in the last ten minutes.",
            urgent=False,
        )
    return Check(
        name="failing_workflows",
        ok=False,
        detail=f"{failed} workflows failed with {code} in the last ten minutes."
        f" `flamebot list --status failed --error {code}` lists them.",
        urgent=False,
    )
