"""The workflow `migrate_tenant`: parameters, plan and steps; docs/migration.md is its book."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.fence import FenceState
from pumphouse.domain.finding import Finding
from pumphouse.domain.migration import MIGRATE_KIND, Decision, Method
from pumphouse.domain.plan import Plan, PlannedItem
from pumphouse.domain.resource import ORDER, ResourceKind
from pumphouse.engine.step import ItemStep, Step
from pumphouse.engine.workflow import OnFailure, PlanContext
from pumphouse.workflows.migrate_tenant import findings as find
from pumphouse.workflows.migrate_tenant.capacity import of_capacity, servers_to_make
from pumphouse.workflows.migrate_tenant.copying import copying
from pumphouse.workflows.migrate_tenant.estimating import bytes_of, seconds_of, size_of, speed_of, whole
from pumphouse.workflows.migrate_tenant.fingerprint import digest_of
from pumphouse.workflows.migrate_tenant.finishing import MoveAddresses
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from pumphouse.workflows.migrate_tenant.looking import destination_tenant, look
from pumphouse.workflows.migrate_tenant.parameters import OnMigration, migration, names_of, texts
from pumphouse.workflows.migrate_tenant.passwords import CarryPasswords
from pumphouse.workflows.migrate_tenant.planner import Row, Scene, plan_rows
from pumphouse.workflows.migrate_tenant.pools import answered_twice, outside_of_pools
from pumphouse.workflows.migrate_tenant.servers import copy_servers
from pumphouse.workflows.migrate_tenant.taking import Finish, MeetPeople, RaiseFence, TakeInventory

StepOf = Callable[[Kind], ItemStep]
OWN_STEPS: Mapping[ResourceKind, StepOf] = {ResourceKind.SERVER: copy_servers}
"""Kinds whose things need more than making: servers are stopped, copied and booted."""
MANY: Final = 10_000


class MigrateTenant(OnMigration):
    """Bring one tenant's whole workload to another environment; the source stays, fenced, until it is committed."""

    kind: ClassVar[str] = MIGRATE_KIND

    def __init__(
        self, kinds: Mapping[ResourceKind, Kind] = KINDS, steps: Mapping[ResourceKind, StepOf] = OWN_STEPS
    ) -> None:
        self._kinds = kinds
        self._steps = steps

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        read = migration(params)
        for name in ("include", "exclude"):
            read.known[name] = texts(name, params.get(name, []))
        read.number("parallel", 8, low=1, high=64)
        read.flag("keep_addresses", default=True)
        read.flag("stateless", default=False)
        read.known["names"] = names_of(params.get("names", {}))
        read.flag("fence", default=True)
        read.text("onboarding", "", longest=4096)
        read.text("digest", "")
        # one that fails fails alone: the others go on, and it can be retried afterwards
        read.choice("on_failure", ("pause", "skip", "undo"), "skip")
        return read.end()

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return f"migrate tenant {params['name'] or params['tenant']} of {params['environment']} to {params['destination']}"

    @override
    def on_failure(self, params: Mapping[str, Any]) -> OnFailure:
        wish = params.get("on_failure", "skip")
        return wish if wish in ("pause", "skip", "undo") else "skip"

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        scene = look(ctx.tools, params, self._kinds)
        rows = plan_rows(scene)
        digest = digest_of(scene.source, self._kinds)
        room = ctx.tools.resources(params["destination"]).room(destination_tenant(scene))
        offered = _offered(scene)
        stands, fenced = self._fence(ctx, params)
        findings = [
            *find.of_digest(params["digest"], digest, params["name"] or params["tenant"]),
            *find.of_rows(rows, offered),
            *find.of_room(rows, room, scene.source, self._kinds),
            *outside_of_pools(rows, scene),
            *answered_twice(rows, scene),
            *self._capacity(ctx, params, rows),
            *find.of_inventory(scene.source, rows),
            *find.of_choices(scene.choices, rows),
            *find.of_fence(fence=params["fence"], stands=stands, tenant=params["name"] or params["tenant"]),
            *fenced,
        ]
        speed = speed_of(scene.moves)
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=_summary(rows, params),
            steps=self.planned_steps(params),
            items=[_item(row, speed) for row in rows],
            findings=findings,
            estimate_s=whole(rows, speed, params["parallel"], fence=params["fence"] and not stands),
            decisions={
                str(Decision.DIGEST): digest,
                str(Decision.NAMES): _decided(rows),
                str(Decision.OPEN): _open(rows),
                str(Decision.OFFERED): offered,
                str(Decision.BYTES): bytes_of(rows),
                "room": dict(room),
            },
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        made = [
            kind
            for kind in sorted(self._kinds.values(), key=lambda each: ORDER[each.kind])
            if kind.identity is not Identity.MAPPED and not kind.listed_only
        ]
        copies: list[Step] = [self._steps.get(kind.kind, copying)(kind) for kind in made]
        declared = self._kinds.get(ResourceKind.FLOATING_IP)
        if declared is not None and declared.later:
            copies.insert(len(copies) - 1, MoveAddresses())
        return [
            MeetPeople(),
            RaiseFence(),
            TakeInventory(self._kinds),
            *copies,
            CarryPasswords(),
            Finish(self._kinds),
        ]

    def _capacity(self, ctx: PlanContext, params: Mapping[str, Any], rows: Sequence[Row]) -> list[Finding]:
        """Nodes are asked for only when there is a server to run on them."""
        if not servers_to_make(rows):
            return []
        nodes = ctx.tools.cloud(params["destination"]).nodes(summary=True)
        return of_capacity(rows, nodes, params["destination"])

    def _fence(self, ctx: PlanContext, params: Mapping[str, Any]) -> tuple[bool, Sequence[Finding]]:
        """Whether a fence stands already, and what speaks against one that is to be put up."""
        present = ctx.tools.fences.fence(params["environment"], params["tenant"])
        if present is not None and present.state is FenceState.ON:
            return True, ()
        if not params["fence"]:
            return False, ()
        known = {"environment": params["environment"], "tenant": params["tenant"], "name": params["name"]}
        return False, ctx.plan_child("lock_tenant", known).findings


def _item(row: Row, speed: float) -> PlannedItem:
    source = row.source
    return PlannedItem(
        id=source.key,
        name=source.name or source.id,
        kind=str(source.kind),
        method=str(row.method),
        target=row.target or row.target_id,
        estimate_s=seconds_of(row, speed),
        reason=row.reason,
        size_bytes=size_of(row) or source.size_bytes,
    )


def _decided(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        if row.method is Method.MAP:
            found[str(row.source.kind)][row.source.name] = row.target or row.target_id
    return dict(found)


def _open(rows: Sequence[Row]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.method is Method.OPEN:
            found[str(row.source.kind)].append(row.source.name)
    return dict(found)


def _offered(scene: Scene) -> dict[str, list[str]]:
    """What a name may be mapped to, for the kinds of which something is open or mapped."""
    return {
        str(kind): sorted({each.name or each.id for each in scene.candidates.get(kind, ())})[:MANY]
        for kind, declared in scene.kinds.items()
        if declared.identity is Identity.MAPPED and scene.source.of(kind)
    }


def _summary(rows: Sequence[Row], params: Mapping[str, Any]) -> str:
    counts = Counter(str(row.method) for row in rows)
    words = ", ".join(f"{counts[m]} {m}" for m in Method if counts[m])
    size = bytes_of(rows) / (1 << 20)
    if not any(counts[m] for m in (Method.CREATE, Method.ADOPT, Method.REUSE)) and counts[Method.KEEP]:
        return f"nothing to do: {counts[Method.KEEP]} things were moved before and have not changed"
    return f"{len(rows)} things to {params['destination']}: {words}; {size:.0f} MiB"
