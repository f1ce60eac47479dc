"""What is done with each thing of a tenant: two inventories, the records of earlier runs and the operator's choices in, rows out. Pure; looking.py gathers what
it needs, workflow.py makes a plan of the rows and the steps carry them out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pumphouse.domain.migration import Method
from pumphouse.domain.resource import (
    ORDER,
    REF,
    Inventory,
    Move,
    MoveState,
    Resource,
    ResourceKind,
    ref,
    refs,
    replaced,
    split_ref,
)
from pumphouse.workflows.migrate_tenant.comparing import wrong_fields
from pumphouse.workflows.migrate_tenant.fingerprint import changed_fields
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind

PRINTS, KEPT, DATA_WITH = "prints", "kept", "data_with"
"""Keys of a move's details: digests of the source's fields; what we changed at the source, as it was; the server with which a volume's data are copied."""
STANDS: Final = frozenset({Method.CREATE, Method.REUSE, Method.ADOPT, Method.MAP, Method.KEEP})
"""Methods after which there is a counterpart."""
_FRESH: Final = "$not yet"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing and what is done with it.

    Args:
        target_id: of its counterpart, as far as it is there already.
        target: its name, for people.
        differing: fields in which the counterpart differs and which are brought over.
        data_with: key of the server with which its data are copied, as they change while that runs.
        again: it was moved before, and the source has changed since.
    """

    source: Resource
    method: Method
    reason: str = ""
    target_id: str = ""
    target: str = ""
    differing: tuple[str, ...] = ()
    data_with: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a plan is made of.

    Args:
        candidates: by kind, what in the destination may already stand for something.
        present: by key, what in the destination earlier runs have recorded, as it is now.
        left_out: key -> why it is not wanted.
    """

    source: Inventory
    kinds: Mapping[ResourceKind, Kind]
    choices: Choices
    candidates: Mapping[ResourceKind, Sequence[Resource]] = field(default_factory=dict)
    moves: Sequence[Move] = ()
    present: Mapping[str, Resource] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


def plan_rows(scene: Scene) -> list[Row]:
    """A row for each thing of the source, in the order in which they are made."""
    planner = _Planner(scene)
    ordered = sorted(scene.source.resources, key=lambda each: ORDER[each.kind])
    rows = [planner.row(each) for each in ordered]
    servers = {row.source.key: row for row in rows if row.source.kind is ResourceKind.SERVER}
    return [_with_its_server(row, servers) for row in rows]


def name_there(resource: Resource, kind: Kind, choices: Choices) -> str:
    """What it is called in the destination."""
    given = choices.names.get(str(kind.kind), {})
    return str(given.get(resource.name, resource.name))


class _Planner:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._moves = {f"{move.kind}/{move.source_id}": move for move in scene.moves}
        self._known = {each.key for each in scene.source.resources}
        self._ids: dict[str, str] = {}
        self._missing: dict[str, str] = {}
        self._taken: set[str] = {
            f"{m.kind}/{m.destination_id}"
            for m in scene.moves
            if m.destination_id and f"{m.kind}/{m.destination_id}" in scene.present
        }

    def row(self, resource: Resource) -> Row:
        row = self._decide(resource)
        if row.target_id and row.method in STANDS:
            self._ids[resource.key] = row.target_id
            self._taken.add(f"{resource.kind}/{row.target_id}")
        elif row.method not in STANDS:
            self._missing[resource.key] = row.reason
        return row

    def _decide(self, resource: Resource) -> Row:
        kind = self._scene.kinds.get(resource.kind)
        if kind is None:
            return Row(resource, Method.CANNOT, "things of this kind are not moved")
        if kind.listed_only:
            return Row(resource, Method.LIST, "its owner must make it again")
        before = self._before(resource, kind)
        if before is not None:
            return before
        return self._mapped(resource, kind) if kind.identity is Identity.MAPPED else self._new(resource, kind)

    def _new(self, resource: Resource, kind: Kind) -> Row:
        if resource.key in self._scene.left_out:
            return Row(resource, Method.LEAVE, self._scene.left_out[resource.key])
        obstacle = kind.obstacle(resource, self._scene.choices) if kind.obstacle else ""
        if obstacle:
            return Row(resource, Method.CANNOT, obstacle)
        fields = kind.adjust(resource.fields, self._scene.choices)
        if lacking := self._lacking(fields):
            return Row(resource, Method.CANNOT, lacking)
        if kind.late:
            return self._late(resource, kind)
        return self._found(resource, kind, fields) or Row(resource, Method.CREATE)

    def _before(self, resource: Resource, kind: Kind) -> Row | None:
        """What an earlier run has made of it; None when that is nothing, or it has gone from the destination."""
        move = self._moves.get(resource.key)
        if move is None or not move.destination_id:
            return None
        there = self._scene.present.get(f"{move.kind}/{move.destination_id}")
        if there is None or move.state is MoveState.INTENDED:
            return None
        if move.state is MoveState.COMMITTED:
            return _at(there, Row(resource, Method.KEEP, "its source is deleted"))
        if move.state is MoveState.MADE:
            return _at(there, Row(resource, Method.CREATE, "an earlier run has made it and not verified it"))
        if kind.identity is Identity.MAPPED:
            # the map may have changed since
            return None
        return _at(there, self._since(resource, kind, move))

    def _since(self, resource: Resource, kind: Kind, move: Move) -> Row:
        changed = changed_fields(move.details.get(PRINTS, {}), resource, kind)
        if changed:
            names = ", ".join(changed)
            if kind.late or set(changed) <= kind.adoptable:
                reason = f"it has changed in the source since it was moved: {names}"
                return Row(resource, Method.ADOPT, reason, differing=tuple(changed), again=True)
            reason = f"it has changed in the source since it was moved, and {names} cannot be brought over"
            return Row(resource, Method.CONFLICT, reason, again=True)
        if resource.size_bytes and move.source_version != resource.version:
            if move.details.get(DATA_WITH):
                reason = "its data may have changed since they were copied with a server that runs in the destination"
                return Row(resource, Method.CONFLICT, reason, again=True)
            reason = "its data may have changed since they were copied"
            return Row(resource, Method.ADOPT, reason, again=True)
        return Row(resource, Method.KEEP, "an earlier run has moved it")

    def _mapped(self, resource: Resource, kind: Kind) -> Row:
        wanted = name_there(resource, kind, self._scene.choices)
        offered = self._scene.candidates.get(resource.kind, ())
        if kind.chosen is not None and wanted == resource.name:
            one = kind.chosen(resource, self._scoped(resource, kind, offered))
            found = [one] if one is not None else []
        else:
            found = self._scoped(resource, kind, [c for c in offered if wanted in {c.name, c.id}])
        if len(found) == 1:
            reason = "" if wanted == resource.name else "as your map says"
            return Row(resource, Method.MAP, reason, found[0].id, found[0].name)
        if found:
            ids = ", ".join(sorted(each.id for each in found))
            return Row(resource, Method.OPEN, f"several are called {wanted}: {ids}; give the id of one")
        return Row(resource, Method.OPEN, f"the destination has none that is called {wanted}")

    def _late(self, resource: Resource, kind: Kind) -> Row:
        if kind.part_of is None:
            return Row(resource, Method.CREATE, target_id=resource.id)
        owner = f"{kind.part_of}/{resource.id}"
        if owner in self._missing:
            return Row(resource, Method.CANNOT, f"its {kind.part_of} does not move")
        return Row(resource, Method.CREATE, target_id=self._ids.get(owner, ""))

    def _found(self, resource: Resource, kind: Kind, fields: Mapping[str, Any]) -> Row | None:
        """What was there before us and stands for it."""
        chosen = self._chosen(resource, kind)
        if chosen is None:
            return None
        differing = wrong_fields(kind, resource, self._scene.choices, self._as_there(fields), chosen.fields)
        return _at(chosen, self._beside(resource, kind, differing))

    @staticmethod
    def _beside(resource: Resource, kind: Kind, differing: Mapping[str, Any]) -> Row:
        if not differing:
            return Row(resource, Method.REUSE, "there is the same one")
        names = ", ".join(differing)
        if set(differing) <= kind.adoptable:
            reason = f"there is one, and its {names} will be as in the source"
            return Row(resource, Method.ADOPT, reason, differing=tuple(differing))
        return Row(resource, Method.CONFLICT, f"there is another one of this name: {names} differ")

    def _chosen(self, resource: Resource, kind: Kind) -> Resource | None:
        offered = [
            each for each in self._scene.candidates.get(resource.kind, ()) if each.key not in self._taken
        ]
        if kind.chosen is not None:
            return kind.chosen(resource, offered)
        if kind.identity is not Identity.NAMED:
            return None
        wanted = name_there(resource, kind, self._scene.choices)
        found = self._scoped(resource, kind, [each for each in offered if each.name == wanted])
        return found[0] if found else None

    def _scoped(self, resource: Resource, kind: Kind, found: Sequence[Resource]) -> list[Resource]:
        wanted = self._as_there({name: resource.fields.get(name) for name in kind.scope})
        return [each for each in found if all(each.fields.get(n) == wanted[n] for n in kind.scope)]

    def _lacking(self, fields: Mapping[str, Any]) -> str:
        """Why something that it refers to will not be there."""
        for target in refs(fields):
            if target in self._missing:
                return f"it needs {target}, which is not there: {self._missing[target]}"
            if target not in self._known and target not in self._ids:
                return f"it refers to {target}, which cannot be read in the source"
        return ""

    def _as_there(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Translated as far as the destination's ids are known; what is still to be made is equal to nothing that is there."""

        def change(target: str) -> Any:
            kind, _ = split_ref(target)
            return ref(kind, self._ids[target]) if target in self._ids else {REF: f"{target}{_FRESH}"}

        translated: dict[str, Any] = replaced(fields, change)
        return translated


def _at(there: Resource, row: Row) -> Row:
    """The row of something whose counterpart is this."""
    return replace(row, target_id=there.id, target=there.name)


def _with_its_server(row: Row, servers: Mapping[str, Row]) -> Row:
    """A volume that a server has attached is copied when that one is stopped."""
    if row.source.kind is not ResourceKind.VOLUME or row.method is not Method.CREATE:
        return row
    users = [key for key, server in servers.items() if row.source.key in refs(server.source.fields)]
    if not users:
        return row
    moving = [key for key in users if servers[key].method is Method.CREATE]
    if not moving:
        reason = f"server {servers[users[0]].source.name} has it attached and does not move: its data may change while they are copied"
        return Row(row.source, Method.CANNOT, reason)
    return Row(row.source, row.method, row.reason, row.target_id, row.target, data_with=moving[0])
