"""Toy workflows that migrate a tenant, verify, roll back and commit; used by the bench, for what people and clients see of a migration.

They write the records of moves and plan as the real ones do, by the words of domain/migration.py, and touch no cloud. `gate` holds the server until it is opened,
`failing` names things whose items fail, `blocked` tenants whose plans are critical, `digest` is that of the source's inventory.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import CloudRefusedError, InvalidInputError
from pumphouse.domain.fence import tenant_lock
from pumphouse.domain.finding import Finding, critical, warning
from pumphouse.domain.migration import (
    BYTES_DONE,
    BYTES_TOTAL,
    COMMIT_KIND,
    MIGRATE_KIND,
    ROLLBACK_KIND,
    VERIFY_MIGRATION_KIND,
    Decision,
    Detail,
    Method,
)
from pumphouse.domain.operation import Item
from pumphouse.domain.plan import Plan, PlannedItem
from pumphouse.domain.resource import Move, MoveState, ResourceKind
from pumphouse.engine.step import ItemStep, NewItem, Step, StepContext
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.workflows.migrate_tenant.parameters import names_of, texts

K = ResourceKind
THINGS = (
    (K.PROJECT, "", "acme", Method.CREATE, 0),
    (K.FLAVOR, "f1", "m1.small", Method.REUSE, 0),
    (K.IMAGE, "i1", "cirros", Method.CREATE, 1 << 29),
    (K.EXTERNAL_NETWORK, "x1", "public", Method.MAP, 0),
    (K.NETWORK, "n1", "", Method.CREATE, 0),
    (K.SERVER, "s1", "web <1>", Method.CREATE, 1 << 30),
    (K.CREDENTIAL, "c1", "ci", Method.LIST, 0),
)


@dataclass
class Migrating:
    """What a test decides about the toys."""

    gate: threading.Event = field(default_factory=threading.Event)
    failing: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    digest: str = "sha256:11"
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()


class MoveThings(ItemStep):
    name: ClassVar[str] = "move"
    title: ClassVar[str] = "Move the things"

    def __init__(self, migrating: Migrating) -> None:
        self._migrating = migrating

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        made = (Method.CREATE, Method.REUSE, Method.MAP)
        return [
            NewItem(i.id, i.name, i.kind, {"target": i.target, "method": i.method})
            for i in ctx.plan.items
            if i.method in made
        ]

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any]:
        if item.kind == K.SERVER:
            ctx.remember_item(item, **{BYTES_DONE: 1 << 28, BYTES_TOTAL: 1 << 30})
            assert self._migrating.gate.wait(20)
        if item.name in self._migrating.failing:
            raise CloudRefusedError(f"{item.name} cannot be made", hint="look at its fault")
        params = ctx.params
        ctx.tools.moves.put_moves(
            [toy_move(item, params["tenant"], params["environment"], params["destination"], ctx.operation.id)]
        )
        return {}


def toy_move(item: Item, tenant: str, source: str, destination: str, operation: str = "") -> Move:
    kind, _, thing = item.key.partition("/")
    details: dict[str, Any] = {Detail.VERIFIED: {"name": "equal", "description": "equal"}}
    if kind in {K.IMAGE, K.SERVER}:
        details |= {
            Detail.DIGEST: "sha512:abc", Detail.SIZE: 1 << 29, Detail.MOVED: 1 << 29, Detail.SECONDS: 5.5, Detail.ENGINE: "stream",
        }  # fmt: skip
    if kind == K.SERVER:
        details |= {
            Detail.BEFORE: ["10.0.0.3", "203.0.113.9"], Detail.AFTER: ["10.0.0.3", "203.0.113.7"], Detail.DOWNTIME: 62.5,
            Detail.STOPPED_AT: "2026-11-23T01:00:00+00:00", Detail.STARTED_AT: "2026-11-23T01:01:02+00:00",
        }  # fmt: skip
        details[Detail.VERIFIED] |= {"zone": "the operator's map says az2"}
    return Move(
        source, tenant, destination, ResourceKind(kind), thing, item.name, MoveState.VERIFIED, f"new-{thing}",
        ours=item.data.get("method", Method.CREATE) == Method.CREATE, operation_id=operation, details=details,
    )  # fmt: skip


class EndMigration(Step):
    name: ClassVar[str] = "end"

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self.title = f"End by {kind}"  # type: ignore[misc]
        self.irreversible = kind == COMMIT_KIND  # type: ignore[misc]

    @override
    def do(self, ctx: StepContext) -> None:
        which = (ctx.params["environment"], ctx.params["tenant"], ctx.params["destination"])
        moves = ctx.tools.moves
        if self._kind == ROLLBACK_KIND:
            moves.drop_moves(*which)
        elif self._kind == COMMIT_KIND:
            moves.put_moves([replace(m, state=MoveState.COMMITTED) for m in moves.moves(*which)])


class _ToyMigration(Workflow):
    def __init__(self, kind: str, migrating: Migrating) -> None:
        self.kind = kind  # type: ignore[misc]  # one class stands for several kinds here
        self._migrating = migrating

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """As strict as the real ones, as random requests come here too."""
        for name in ("environment", "tenant", "name", "destination"):
            if not isinstance(params.get(name), str):
                raise InvalidInputError(name, params.get(name), "must be a text")
        texts("exclude", params.get("exclude", []))
        names_of(params.get("names", {}))
        return dict(params)

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        verb = self.kind.replace("_", " ")
        return f"{verb} {params['name']} of {params['environment']} to {params['destination']}"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def subject(self, params: Mapping[str, Any]) -> str:
        return f"{params['environment']}/{params['name']}"

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return [tenant_lock(params["environment"], params["tenant"])]

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        del ctx
        migrates = self.kind == MIGRATE_KIND
        if migrates:
            self._migrating.asked.append(params)
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary="all of it",
            steps=self.planned_steps(params),
            items=self._items(params) if migrates else (),
            findings=self._findings(params) if migrates else (),
            estimate_s=12.0,
            decisions=self._decisions(params) if migrates else {},
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [MoveThings(self._migrating)] if self.kind == MIGRATE_KIND else [EndMigration(self.kind)]

    def _items(self, params: Mapping[str, Any]) -> list[PlannedItem]:
        names = self._decisions(params)[Decision.NAMES]
        out = set(params.get("exclude", ()))
        found = []
        for kind, thing, name, method, size in THINGS:
            shown = params["name"] if kind is K.PROJECT else name
            key = f"{kind}/{thing or params['tenant']}"
            target = names.get(kind, {}).get(name, "")
            left = {key, str(kind), name} & out
            reason = "on your word" if left else "its owner makes a new one" if method is Method.LIST else ""
            how = Method.LEAVE if left else Method.OPEN if method is Method.MAP and not target else method
            found.append(PlannedItem(key, shown, str(kind), str(how), target, 1.0, reason, size))
        return found

    def _decisions(self, params: Mapping[str, Any]) -> dict[str, Any]:
        given = params.get("names", {}).get(K.EXTERNAL_NETWORK, {})
        return {
            Decision.DIGEST: self._migrating.digest,
            Decision.NAMES: {K.EXTERNAL_NETWORK: dict(given)} if given else {},
            Decision.OPEN: {} if given else {K.EXTERNAL_NETWORK: ["public"]},
            Decision.OFFERED: {K.EXTERNAL_NETWORK: ["ext-a", "ext-b"]},
            Decision.BYTES: 3 << 29,
        }

    def _findings(self, params: Mapping[str, Any]) -> list[Finding]:
        found = [
            warning("not-moved", "load balancers", "the tenant has 2, which do not move", "move them by hand")
        ]
        if not params.get("names", {}).get(K.EXTERNAL_NETWORK) or params["name"] in self._migrating.blocked:
            found.append(critical("open-names", "external network public", "nothing is called so there", "say which in --map"))  # fmt: skip
        if params.get("digest") and params["digest"] != self._migrating.digest:
            found.append(critical("source-changed", "tenant", "it is not what it was when the plan was written", "plan again"))  # fmt: skip
        return found


def toy_migrating(migrating: Migrating) -> list[Workflow]:
    kinds = (MIGRATE_KIND, VERIFY_MIGRATION_KIND, ROLLBACK_KIND, COMMIT_KIND)
    return [_ToyMigration(kind, migrating) for kind in kinds]
