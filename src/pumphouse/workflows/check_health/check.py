"""What a check is, and what it has at hand while it runs. Used by the sets (sanity.py, smoke_*.py) and by steps.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pumphouse.domain.errors import NotFoundError, PermanentError
from pumphouse.engine.step import StepContext
from pumphouse.ports.cloud import Cloud
from pumphouse.ports.workbench import Kind, Thing, Workbench

PREFIX = "pumphouse-health-"
GOOD = frozenset({"ACTIVE", "AVAILABLE", "IN-USE"})


@dataclass(frozen=True, slots=True)
class SkippedCheck:
    """What a check answers where it does not apply."""

    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `run` answers a detail for the table, or SkippedCheck; it raises when the cloud does not do what it should.

    `makes` are the kinds of things that it may leave behind when it is killed, `nodes` how many enabled nodes it needs.
    """

    name: str
    title: str
    run: Callable[["Trial"], str | SkippedCheck]
    makes: Sequence[Kind] = ()
    nodes: int = 0


@dataclass(frozen=True, slots=True)
class Shared:
    """What all checks of a run that boot servers share: made by the first one that needs it."""

    flavor_id: str
    image_id: str


@dataclass
class Trial:
    """One run of one check: the cloud, the workbench, and names that are found again after a crash."""

    ctx: StepContext
    cloud: Cloud
    bench: Workbench
    check: Check
    shared: Callable[[], Shared]
    made: list[tuple[Kind, str]] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        """What the names of all that this check makes begin with."""
        return f"{own_prefix(self.ctx.operation.id)}{self.check.name}"

    def name(self, suffix: str = "") -> str:
        """The name of a thing of this check."""
        return f"{self.prefix}-{suffix}" if suffix else self.prefix

    def make(self, kind: Kind, spec: Mapping[str, Any], suffix: str = "") -> str:
        """Make a thing; only kinds that the check has declared, as only those are cleaned up."""
        if kind not in self.check.makes:
            raise PermanentError(f"check {self.check.name} does not declare that it makes a {kind}")
        return self.bench.create(kind, self.name(suffix), spec)

    def wait(self, kind: Kind, id: str, *, status: str, deadline_s: float) -> Thing:
        """The thing once it has this status.

        Raises:
            PermanentError: it went to an error state, or is gone.
            DeadlineError: not in time.
        """

        def probe() -> Thing | None:
            thing = self.bench.look(kind, id)
            if thing is None:
                raise NotFoundError(kind, id, hint="it was deleted while it was being made")
            if "ERROR" in thing.status:
                raise PermanentError(f"{kind} {thing.name} went to {thing.status}{_fault(thing)}")
            busy = thing.details.get("OS-EXT-STS:task_state")
            return thing if thing.status == status and not busy else None

        return self.ctx.poll(
            probe, what=f"{kind} {self.name()} to become {status}", deadline_s=deadline_s, interval_s=1.5
        )

    def wait_gone(self, kind: Kind, id: str, *, deadline_s: float) -> None:
        """Wait until the cloud does not know it any more."""
        what = f"{kind} {self.name()} to be gone"
        self.ctx.poll(
            lambda: self.bench.look(kind, id) is None or None,
            what=what,
            deadline_s=deadline_s,
            interval_s=1.5,
        )

    def boot(self, suffix: str = "", **spec: Any) -> str:
        """A smallest server without network, ACTIVE; `spec` changes what Nova is asked for."""
        body = {
            "flavorRef": self.shared().flavor_id,
            "imageRef": self.shared().image_id,
            "networks": "none",
            **spec,
        }
        server_id = self.make(Kind.SERVER, {k: v for k, v in body.items() if v is not None}, suffix)
        self.wait(Kind.SERVER, server_id, status="ACTIVE", deadline_s=BUILD_S)
        return server_id


BUILD_S = 300.0
"""A smallest server of a few MiB: what a slow cloud needs, not a big image."""
VOLUME_S = 180.0
GONE_S = 180.0


def own_prefix(operation_id: str) -> str:
    """What the names of all that one run makes begin with."""
    return f"{PREFIX}{operation_id}-"


def demand(holds: bool, message: str) -> None:
    """Fail the check unless it holds."""
    if not holds:
        raise PermanentError(message)


def _fault(thing: Thing) -> str:
    fault = thing.details.get("fault") or {}
    return f": {fault['message']}" if isinstance(fault, Mapping) and fault.get("message") else ""
