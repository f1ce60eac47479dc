"""Reads both sides again and holds every recorded counterpart against its source; verifying.py and committing.py call it. It is our own proof, by our
own inventory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.resource import Move, MoveState, Resource, ResourceKind, UnmappedError, translated
from pumphouse.ports.toolbox import Toolbox
from pumphouse.workflows.migrate_tenant.book import WRONG
from pumphouse.workflows.migrate_tenant.comparing import told, wrong_fields
from pumphouse.workflows.migrate_tenant.finishing import LED
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind
from pumphouse.workflows.migrate_tenant.kinds.floating_ip import KIND as FLOATING_IP
from pumphouse.workflows.migrate_tenant.looking import present, take_inventory
from pumphouse.workflows.migrate_tenant.planner import DATA_WITH, KEPT
from pumphouse.workflows.migrate_tenant.server_addresses import leads_there
from pumphouse.workflows.migrate_tenant.server_return import POINTING as OF_SERVER
from pumphouse.workflows.migrate_tenant.taking import CHOICES


@dataclass(frozen=True, slots=True)
class Proof:
    """One recorded counterpart: `wrong` says in words what is not as it should be, empty when all is. `source` is what stands in the source, None when it has gone."""

    move: Move
    source: Resource | None
    wrong: str = ""

    @property
    def key(self) -> str:
        """KIND/ID in the source."""
        return f"{self.move.kind}/{self.move.source_id}"


@dataclass(frozen=True, slots=True)
class Hearing:
    """A proof for each record, in the order of kinds, and all that the tenant has in the source."""

    proofs: Sequence[Proof] = ()
    source: Sequence[Resource] = ()


def prove(tools: Toolbox, params: Mapping[str, Any], kinds: Mapping[ResourceKind, Kind]) -> Hearing:
    """Look at both sides: two inventories, nothing per thing. A tenant that has gone from the source has nothing there."""
    moves = tools.moves.moves(params["environment"], params["tenant"], params["destination"])
    if not moves:
        return Hearing()
    there = present(tools.resources(params["destination"]), moves)
    try:
        sources = {
            each.key: each
            for each in take_inventory(tools, params["environment"], params["tenant"]).resources
        }
    except NotFoundError:
        sources = {}
    choices = moves_choices(moves)
    ids = {f"{m.kind}/{m.source_id}": m.destination_id for m in moves}
    court = Court(choices, ids, there, _leading(moves, sources, choices))
    proofs = [court.prove(move, sources.get(f"{move.kind}/{move.source_id}"), kinds) for move in moves]
    return Hearing(proofs, list(sources.values()))


def moves_choices(moves: Sequence[Move]) -> Choices:
    """What the operator had chosen, as the project's move remembers it."""
    for move in moves:
        if move.kind is ResourceKind.PROJECT and CHOICES in move.details:
            return Choices(**move.details[CHOICES])
    return Choices()


def _leading(
    moves: Sequence[Move], sources: Mapping[str, Resource], choices: Choices
) -> dict[str, Mapping[str, Any]]:
    """Floating IP in the source -> where its counterpart has to lead, in the source's references; it leads nowhere in the source any more."""
    found: dict[str, Mapping[str, Any]] = {}
    for move in moves:
        source = sources.get(f"{move.kind}/{move.source_id}")
        if move.details.get(LED) and source is not None:
            found[move.source_id] = FLOATING_IP.adjust({**source.fields, **move.details[LED]}, choices)
        elif move.state is MoveState.VERIFIED:
            pointing = move.details.get(OF_SERVER) or {}
            found.update((own, leads["wanted"]) for own, leads in pointing.items())
    return found


@dataclass(frozen=True, slots=True)
class Court:
    """Judges single records. `leading`: id of a floating IP in the source -> where its counterpart has to lead, in the source's references."""

    choices: Choices
    ids: Mapping[str, str]
    there: Mapping[str, Resource]
    leading: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def prove(self, move: Move, source: Resource | None, kinds: Mapping[ResourceKind, Kind]) -> Proof:
        kind = kinds.get(move.kind)
        if source is not None and move.details.get(KEPT):
            source = replace(source, fields={**source.fields, **move.details[KEPT]})
        return Proof(move, source, self._wrong(move, source, kind) if kind is not None else "")

    def _wrong(self, move: Move, source: Resource | None, kind: Kind) -> str:
        found = self.there.get(f"{move.kind}/{move.destination_id}")
        if found is None:
            return "it is not in the destination"
        if move.state in (MoveState.INTENDED, MoveState.MADE):
            fields = ", ".join(move.details.get(WRONG, ()))
            return f"it was made and never verified{': ' + fields if fields else ''}"
        if move.state is MoveState.COMMITTED or kind.identity is Identity.MAPPED:
            return ""
        if source is None:
            return "it has gone from the source"
        return self._compared(move, source, kind, found)

    def _compared(self, move: Move, source: Resource, kind: Kind, found: Resource) -> str:
        try:
            wanted = translated(kind.adjust(source.fields, self.choices), self.ids)
            leads = self._leads(kind, source)
        except UnmappedError as error:
            return f"its source refers to {error.args[0]} by now, which was not moved"
        wrong = wrong_fields(kind, source, self.choices, wanted, found.fields, ours=move.ours)
        wrong = {name: pair for name, pair in wrong.items() if name not in kind.later}
        if wrong:
            return told(wrong)
        if leads is not None and not leads_there(found.fields, leads):
            return "it does not lead where its source led"
        if source.size_bytes and not move.details.get(DATA_WITH) and source.version != move.source_version:
            return "the source has changed since its data were copied"
        return ""

    def _leads(self, kind: Kind, source: Resource) -> Mapping[str, Any] | None:
        known = self.leading.get(source.id) if kind.kind is ResourceKind.FLOATING_IP else None
        return None if known is None else translated({name: known[name] for name in kind.later}, self.ids)
