"""The steps that build, register, discover and compare a duplicate; workflow.py puts them in order, furnishing.py has those behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import ConflictError, NotFoundError, PermanentError, PumphouseError
from pumphouse.domain.finding import Severity
from pumphouse.domain.settings import COMPARISON_MEMORY, EnvironmentSpec
from pumphouse.engine.step import Step, StepContext
from pumphouse.ports.toolbox import Toolbox
from pumphouse.workflows.duplicate_environment.comparison import Verdict, compare, different
from pumphouse.workflows.duplicate_environment.document import read_settings, unpacked


@dataclass(frozen=True, slots=True)
class Duplicate:
    """What the steps of one operation are about."""

    original: str
    name: str
    release: str
    standing: bool
    """whether it stood before this operation: then undo leaves it alone"""

    @classmethod
    def of(cls, ctx: StepContext) -> "Duplicate":
        """From the parameters and the plan."""
        params = ctx.params
        standing = bool(ctx.plan.decisions.get("standing"))
        return cls(str(params["environment"]), str(params["name"]), str(params["release"]), standing)


class Record(Step):
    """Write down what will be built, and under which identity it will be registered."""

    name: ClassVar[str] = "record"
    title: ClassVar[str] = "Write down what will be built"

    @override
    def do(self, ctx: StepContext) -> None:
        about = Duplicate.of(ctx)
        if ctx.recall("environment_id") is None:
            known = registered(ctx.tools, about.name)
            if known is not None and not about.standing:
                raise ConflictError(
                    f"there is an environment {about.name} by now", hint="undo, then choose another name"
                )
            ctx.remember(environment_id=known.id if known else ctx.clock.new_id())
        spec = ctx.plan.decisions["spec"]
        ctx.remember(spec=spec)
        ctx.conclude(f"{len(spec['settings'])} settings for the deployer")


class Build(Step):
    """The deployer builds a controller; undo razes it, unless it stood before."""

    name: ClassVar[str] = "build"
    title: ClassVar[str] = "Build the environment: a controller, no compute node"

    @override
    def do(self, ctx: StepContext) -> None:
        about = Duplicate.of(ctx)
        deployer = ctx.tools.deployer(about.original)
        if not about.standing and not ctx.recall("building"):
            if deployer.built(about.name) is not None:
                raise ConflictError(
                    f"the deployer has built an environment {about.name} meanwhile",
                    hint="undo; plan again to take it over, or choose another name",
                )
            ctx.remember(building=True)
        access = deployer.build(spec_of(ctx), ctx.progress)
        ctx.remember(
            access={"cloud": access.cloud, "config_file": access.config_file, "sealed": access.sealed}
        )
        ctx.conclude("it stood before" if about.standing else "its services answer")

    @override
    def undo(self, ctx: StepContext) -> None:
        if not ctx.recall("building"):
            return
        about = Duplicate.of(ctx)
        deployer = ctx.tools.deployer(about.original)
        deployer.raze(about.name, ctx.progress)
        if deployer.built(about.name) is not None:
            raise PermanentError(
                f"the deployer has razed {about.name}, and something of it still stands",
                hint="see the deployer's own log, then let the undo go on",
            )
        ctx.remember(building=None, access=None)


class Register(Step):
    """The new environment comes under management, with the same deployer."""

    name: ClassVar[str] = "register"
    title: ClassVar[str] = "Take it under management"

    @override
    def do(self, ctx: StepContext) -> None:
        about = Duplicate.of(ctx)
        known = registered(ctx.tools, about.name)
        if known is not None:
            if known.id != ctx.recall("environment_id"):
                raise ConflictError(
                    f"there is another environment {about.name} by now", hint="remove it, then retry"
                )
            return
        original = ctx.tools.environment(about.original)
        access = CloudAccess(**ctx.recall("access"))
        ctx.remember(registering=True)
        ctx.tools.environments.add_environment(
            Environment(
                id=str(ctx.recall("environment_id")),
                name=about.name,
                access=access,
                deployer=original.deployer,
                deployer_options=_options(original, access),
                added_at=ctx.clock.now(),
            )
        )
        ctx.emit(
            "environment.added",
            f"environment {about.name} was added",
            subject=about.name,
            environment=about.name,
        )

    @override
    def undo(self, ctx: StepContext) -> None:
        about = Duplicate.of(ctx)
        known = registered(ctx.tools, about.name)
        if known is not None and ctx.recall("registering") and known.id == ctx.recall("environment_id"):
            refuse_when_in_use(ctx)
            ctx.tools.environments.remove_environment(known.id)
        ctx.remember(registering=None)


class Discover(Step):
    """What was built is read from its own APIs; done again by a retry, as the comparison must be younger than what it compares."""

    name: ClassVar[str] = "discover"
    title: ClassVar[str] = "Discover the new environment from its own APIs"
    repeats: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        about = Duplicate.of(ctx)
        environment = ctx.tools.environment(about.name)
        facts = ctx.tools.cloud(about.name).facts()
        ctx.tools.environments.put_found(environment.id, status="ok", facts=facts, facts_at=ctx.clock.now())
        found = read_settings(ctx.tools, about.name, ctx.clock.now())
        ctx.conclude(f"{sum(s.known for s in found.values.values())} settings are known")


class Compare(Step):
    """Setting by setting: equal, translated or decided as planned, or different, which is a failure."""

    name: ClassVar[str] = "compare"
    title: ClassVar[str] = "Compare it with the original, setting by setting"
    repeats: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        about = Duplicate.of(ctx)
        planned = [unpacked(row) for row in ctx.plan.decisions["settings"]]
        found = read_settings(ctx.tools, about.name, ctx.clock.now())
        lines = compare(planned, found, about.release)
        ctx.remember(**{COMPARISON_MEMORY: [line.row() for line in lines]})
        wrong = different(lines)
        if wrong:
            shown = "; ".join(f"{w.key} is {w.found!r} instead of {w.planned!r}" for w in wrong[:5])
            raise PermanentError(
                f"{about.name} differs from its plan in {len(wrong)} settings: {shown}",
                hint=f"see all: pumphouse operation show {ctx.operation.id[:8]}; then retry, or undo",
            )
        ctx.conclude(_counted([line.verdict for line in lines]))


class HandOver(Step):
    """From now on somebody may use it; an undo first makes sure that nobody does."""

    name: ClassVar[str] = "hand_over"
    title: ClassVar[str] = "Hand it over"

    @override
    def do(self, ctx: StepContext) -> None:
        about = Duplicate.of(ctx)
        ctx.remember(handed_over=True)
        ctx.emit(
            "environment.duplicated",
            f"{about.name} is a duplicate of {about.original} under {about.release}",
            subject=about.name,
            environment=about.name,
            severity=Severity.INFO,
            notify=True,
        )

    @override
    def undo(self, ctx: StepContext) -> None:
        if not Duplicate.of(ctx).standing:
            refuse_when_in_use(ctx)


def registered(tools: Toolbox, name: str) -> Environment | None:
    """The environment of that name, if we manage one."""
    try:
        return tools.environment(name)
    except NotFoundError:
        return None


def spec_of(ctx: StepContext) -> EnvironmentSpec:
    """What is built, as it was written down."""
    return EnvironmentSpec(**ctx.recall("spec"))


def in_use(tools: Toolbox, name: str) -> list[str]:
    """Why an environment may not be razed, each in words; empty when it has neither node nor anything of a tenant."""
    nodes = sorted(n.name for n in tools.cloud(name).nodes(summary=True))
    reasons = [f"it has nodes: {_few(nodes)}"] if nodes else []
    for kind, names in tools.furnisher(name).tenant_things().items():
        reasons.append(f"tenants have {len(names)} {kind} there: {_few(names)}")
    return reasons


def refuse_when_in_use(ctx: StepContext) -> None:
    """A duplicate is only taken back while nobody uses it.

    Raises:
        ConflictError: it has nodes or a tenant's things, or it was handed over and cannot be looked at now.
    """
    about = Duplicate.of(ctx)
    if registered(ctx.tools, about.name) is None:
        return
    try:
        reasons = in_use(ctx.tools, about.name)
    except PumphouseError as error:
        if ctx.recall("handed_over"):
            raise
        # it has never been handed over, so nobody was told to use it: what does not even answer must be removable
        ctx.progress(f"{about.name} does not answer ({error.message}); it has never been handed over")
        return
    if reasons:
        raise ConflictError(
            f"{about.name} is in use: {'; '.join(reasons)}",
            hint=f"take nodes out of {about.name} and remove what tenants have there, then undo again",
        )


def _options(original: Environment, access: CloudAccess) -> Mapping[str, Any]:
    """Those of the original; where they name its cloud, they name the new one."""
    options = dict(original.deployer_options)
    if "cloud" in options:
        options["cloud"] = access.cloud
    return options


def _counted(verdicts: list[Verdict]) -> str:
    return ", ".join(f"{verdicts.count(v)} {v}" for v in Verdict if verdicts.count(v))


def _few(names: Any) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
