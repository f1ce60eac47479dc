"""The two steps of a health check: get ready (and sweep up after killed runs), then all checks as items side by side. Used by CheckHealth."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import (
    CredentialsError,
    PermanentError,
    PumphouseError,
    StaleOwnerError,
    StoppedError,
    TemporaryError,
)
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import Item
from pumphouse.engine.step import ItemStep, NewItem, Skipped, Step, StepContext
from pumphouse.ports.workbench import Kind
from pumphouse.workflows.check_health import record
from pumphouse.workflows.check_health.check import (
    PREFIX,
    VOLUME_S,
    Check,
    Shared,
    SkippedCheck,
    Trial,
    own_prefix,
)
from pumphouse.workflows.check_health.cleaning import ORDER, clear
from pumphouse.workflows.check_health.record import BAD, CheckStatus

IMAGE_BYTES: Final = 1024 * 1024
SHARED: Final = "shared"
_MAKING_SHARED: Final = threading.Lock()
"""Several checks may need the shared image at once; one makes it. Operations are few, so one lock serves all."""


class GetReady(Step):
    """Note when it began, count the nodes, and remove what earlier runs that were killed have left behind."""

    name: ClassVar[str] = "get_ready"
    title: ClassVar[str] = "Get ready"

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks

    @override
    def do(self, ctx: StepContext) -> None:
        environment = ctx.params["environment"]
        if ctx.recall("started_at") is None:
            ctx.remember(started_at=ctx.clock.now().isoformat())
        record.write(ctx, self._checks, ended=False)
        if any(check.nodes for check in self._checks):
            nodes = ctx.tools.cloud(environment).nodes()
            ctx.remember(nodes=sum(1 for node in nodes if node.enabled and node.up))
        if any(check.makes for check in self._checks):
            _sweep(ctx)

    @override
    def undo(self, ctx: StepContext) -> None:
        if any(check.makes for check in self._checks):
            clear(ctx, ctx.tools.workbench(ctx.params["environment"]), own_prefix(ctx.operation.id), ORDER)


class RunChecks(ItemStep):
    """All checks of the set. One that fails fails alone; a retry of the operation runs the failed ones again."""

    name: ClassVar[str] = "checks"
    title: ClassVar[str] = "Run the checks"
    # a check's own waiting endures passing faults: what still fails then is the result
    attempts: ClassVar[int] = 1

    def __init__(self, checks: Sequence[Check], parallel: int) -> None:
        self._checks = checks
        self._parallel = parallel

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        return [NewItem(check.name, check.title, "check") for check in self._checks]

    @override
    def parallel(self, ctx: StepContext) -> int:
        return self._parallel

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        check = next(c for c in self._checks if c.name == item.key)
        began = ctx.clock.monotonic()
        reason = _lacks_nodes(ctx, check)
        if reason:
            status, detail = CheckStatus.SKIPPED, reason
        else:
            status, detail = _try(
                ctx, check, _trial(ctx, check), again=bool(item.result.get("begun")), item=item
            )
        result = record.remember(ctx, check, status, ctx.clock.monotonic() - began, detail)
        record.write(ctx, self._checks, ended=False)
        if status in BAD:
            raise PermanentError(detail)
        return Skipped(detail) if status is CheckStatus.SKIPPED else result

    @override
    def do(self, ctx: StepContext) -> None:
        environment = ctx.params["environment"]
        if any(check.nodes for check in self._checks):
            _remove_shared(ctx)
        run = record.write(ctx, self._checks, ended=True)
        by = {status: [c["name"] for c in run["checks"] if c["status"] == status] for status in CheckStatus}
        bad = [*by[CheckStatus.FAILED], *by[CheckStatus.ERROR]]
        text = f"health of {environment} ({ctx.params['set']}): {len(by[CheckStatus.PASSED])} of {len(run['checks'])} checks passed"
        text += f", {len(by[CheckStatus.SKIPPED])} skipped" if by[CheckStatus.SKIPPED] else ""
        ctx.emit(
            "health.failed" if bad else "health.passed",
            text + (f"; not passed: {', '.join(bad)}" if bad else ""),
            subject=environment,
            environment=environment,
            severity=Severity.WARNING if bad else Severity.INFO,
            notify=bool(bad) and ctx.operation.parent_id is None,
            set=ctx.params["set"],
            failed=bad,
        )


def _sweep(ctx: StepContext) -> None:
    environment = ctx.params["environment"]
    own = own_prefix(ctx.operation.id)
    bench = ctx.tools.workbench(environment)
    # our own are spared: after a crash each check removes its own and begins anew
    count = clear(ctx, bench, PREFIX, ORDER, spare=lambda thing: thing.name.startswith(own))
    if count:
        ctx.emit(
            "health.swept",
            f"removed {count} things from {environment} that an earlier health check had left behind",
            subject=environment,
            environment=environment,
        )


def _remove_shared(ctx: StepContext) -> None:
    """What is left here is no result of a check, and the next run sweeps it up."""
    environment = ctx.params["environment"]
    name = f"{own_prefix(ctx.operation.id)}{SHARED}"
    try:
        clear(ctx, ctx.tools.workbench(environment), name, (Kind.IMAGE, Kind.FLAVOR))
    except (StaleOwnerError, StoppedError):
        raise
    except PermanentError as error:
        ctx.emit("health.leftovers", error.message, environment=environment, severity=Severity.WARNING)


def _try(ctx: StepContext, check: Check, trial: Trial, *, again: bool, item: Item) -> tuple[CheckStatus, str]:
    """Run one check and clean up after it, whatever came of it."""
    try:
        if again:
            clear(ctx, trial.bench, trial.prefix, check.makes)
        elif check.makes:
            ctx.remember_item(item, begun=True)
        status, detail = _outcome(check, trial)
        try:
            clear(ctx, trial.bench, trial.prefix, check.makes)
        except PermanentError as error:
            if status in BAD:
                return status, f"{detail}; {error.message}"
            return CheckStatus.FAILED, error.message
    except (StoppedError, StaleOwnerError):
        raise
    except PumphouseError as error:
        return _judged(error), error.message
    return status, detail


def _outcome(check: Check, trial: Trial) -> tuple[CheckStatus, str]:
    try:
        found = check.run(trial)
    except (StoppedError, StaleOwnerError):
        raise
    except PumphouseError as error:
        return _judged(error), error.message
    if isinstance(found, SkippedCheck):
        return CheckStatus.SKIPPED, found.reason
    return CheckStatus.PASSED, found


def _judged(error: PumphouseError) -> CheckStatus:
    """Whether the cloud did wrong, or could not be asked at all."""
    return CheckStatus.ERROR if isinstance(error, CredentialsError | TemporaryError) else CheckStatus.FAILED


def _lacks_nodes(ctx: StepContext, check: Check) -> str:
    have = int(ctx.recall("nodes", 0))
    if have >= check.nodes:
        return ""
    if have == 0:
        return "the environment has no compute node that is up and enabled"
    return f"needs {check.nodes} compute nodes that are up and enabled; there is {have}"


def _trial(ctx: StepContext, check: Check) -> Trial:
    environment = ctx.params["environment"]
    return Trial(
        ctx=ctx,
        cloud=ctx.tools.cloud(environment),
        bench=ctx.tools.workbench(environment),
        check=check,
        shared=lambda: _shared(ctx),
    )


def _shared(ctx: StepContext) -> Shared:
    """The flavor and image of this run: found by name after a crash, made when there are none."""
    bench = ctx.tools.workbench(ctx.params["environment"])
    name = f"{own_prefix(ctx.operation.id)}{SHARED}"
    with _MAKING_SHARED:
        known = ctx.recall("shared")
        if known and bench.look(Kind.IMAGE, known["image"]) and bench.look(Kind.FLAVOR, known["flavor"]):
            return Shared(known["flavor"], known["image"])
        clear(ctx, bench, name, (Kind.IMAGE, Kind.FLAVOR))
        size = {"ram": 64, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": False}
        flavor_id = bench.create(Kind.FLAVOR, name, size)
        disk = {"disk_format": "raw", "container_format": "bare", "visibility": "private"}
        image_id = bench.create(Kind.IMAGE, name, disk)
        bench.upload(image_id, bytes(IMAGE_BYTES))
        ctx.poll(
            lambda: (
                ((image := bench.look(Kind.IMAGE, image_id)) is not None and image.status == "ACTIVE") or None
            ),
            what="the shared image to become active",
            deadline_s=VOLUME_S,
        )
        ctx.remember(shared={"flavor": flavor_id, "image": image_id})
        return Shared(flavor_id, image_id)
