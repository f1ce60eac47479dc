"""The record of one run of a set, built from what its checks have remembered; written after each check, so that a watcher sees it grow."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from pumphouse.engine.step import StepContext
from pumphouse.workflows.check_health.check import Check


class CheckStatus(StrEnum):
    """What came of one check: `failed` means that the cloud did not do what it should, `error` that it could not be asked."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


BAD = frozenset({CheckStatus.FAILED, CheckStatus.ERROR})


def remember(
    ctx: StepContext, check: Check, status: CheckStatus, seconds: float, detail: str
) -> Mapping[str, Any]:
    """Keep a check's result with the operation; a retry replaces it."""
    result = {
        "name": check.name,
        "title": check.title,
        "status": status.value,
        "seconds": round(seconds, 2),
        "detail": detail,
    }
    ctx.remember(**{_key(check): result})
    return result


def results(ctx: StepContext, checks: Sequence[Check]) -> list[Mapping[str, Any]]:
    """What is known so far, in the set's order."""
    found = (ctx.recall(_key(check)) for check in checks)
    return [result for result in found if result is not None]


def write(ctx: StepContext, checks: Sequence[Check], *, ended: bool) -> Mapping[str, Any]:
    """Put the run as far as it is into the health records; answers it. Its id is the operation's."""
    known = results(ctx, checks)
    bad = any(result["status"] in BAD for result in known)
    status = ("failed" if bad else "passed") if ended else "running"
    run = {
        "id": ctx.operation.id,
        "operation_id": ctx.operation.id,
        "environment": ctx.params["environment"],
        "set": ctx.params["set"],
        "status": status,
        "started_at": ctx.recall("started_at"),
        "ended_at": ctx.clock.now().isoformat() if ended else None,
        "checks": known,
    }
    ctx.tools.health.put_health_run(run)
    return run


def _key(check: Check) -> str:
    return f"check:{check.name}"
