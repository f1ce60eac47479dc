"""The tables of migrations: what a plan does with each resource, the names that are open, migrations on record, and the report of one. Knows nothing but wire models."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from pumphouse.domain.amounts import size

if TYPE_CHECKING:
    from rich.table import Table

    from pumphouse.wire.finding import PlannedItemView, PlannedMigrationView
    from pumphouse.wire.migration import MigrationView, ReportView

COLOURS = {
    "create": "green", "adopt": "yellow", "leave": "yellow", "list": "yellow", "open": "red", "conflict": "red", "cannot": "red",
    "verified": "green", "committed": "green", "moved": "cyan", "made": "cyan", "unfinished": "yellow", "intended": "yellow", "errors": "red", "partial": "red",
}  # fmt: skip
LONGEST_DIGEST = 32


def planned(items: "Sequence[PlannedItemView]", decided: "PlannedMigrationView") -> RenderableType:
    """Every resource and what becomes of it, then the names."""
    table = _table("KIND", "NAME", "ACTION", "COUNTERPART", "SIZE", "REASON")
    tally: dict[str, int] = {}
    for i in items:
        tally[i.method] = tally.get(i.method, 0) + 1
        amount = size(i.size_bytes) if i.size_bytes else ""
        table.add_row(
            i.kind.replace("_", " "), Text(i.name), _word(i.method), Text(i.target), amount, Text(i.reason)
        )
    counted = ", ".join(f"{count} {method}" for method, count in tally.items())
    over = f"; {size(decided.bytes)} go over the wire" if decided.bytes else ""
    return Group(table, Text(), Text(f"{len(items)} resources: {counted}{over}."), *_names(decided))


def migrations(found: "Sequence[MigrationView]") -> RenderableType:
    if not found:
        return Text("No migration is on record.")
    table = _table("TENANT", "TO", "STATUS", "THINGS", "ID")
    for m in found:
        states = ", ".join(f"{count} {state}" for state, count in m.states.items())
        table.add_row(f"{m.environment}/{m.name}", m.destination, _word(m.status), states, m.id)
    return table


def report(r: "ReportView") -> RenderableType:
    """What came of a migration, what went wrong first."""
    failed = sum(n.failed for n in r.not_moved)
    counts = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in r.counts.items())
    longest = "none" if r.longest_downtime_s is None else _seconds(r.longest_downtime_s)
    pairs: dict[str, Any] = {
        "tenant": f"{r.environment}/{r.name} to {r.destination}",
        "id": r.id,
        "status": _word(r.status),
        "moved": f"{len(r.moved)} ({counts})" if r.moved else "nothing",
        "not moved": f"{len(r.not_moved)}, of which {failed} failed" if r.not_moved else "nothing",
        "data": f"{size(r.size_bytes)}, of which {size(r.moved_bytes)} went over the wire",
        "longest downtime": longest,
        "last run": f"{r.operation_id[:8]} {r.operation_status.replace('_', ' ')}" if r.operation_id else "",
        "error": r.error,
    }
    sections = [
        _section("Did not move", ("KIND", "NAME", "", "WHY"), ((n.kind, n.name or n.id, "failed" if n.failed else "left" if n.wished else "cannot", n.why) for n in r.not_moved)),
        _section("Of kinds that are not moved", ("WHAT",), ((gap,) for gap in r.gaps)),
        _section("Servers", ("SERVER", "DOWN", "UP", "DOWNTIME"), ((s.name, s.stopped_at, s.started_at, "did not run" if s.downtime_s is None else _seconds(s.downtime_s)) for s in r.servers)),
        _section("Addresses", ("NAME", "KIND", "BEFORE", "AFTER", ""), ((a.name, a.kind, ", ".join(a.before), ", ".join(a.after), "same" if a.same else "changed") for a in r.addresses)),
        _section("Data, hashed at both ends", ("NAME", "KIND", "SIZE", "COPIED", "BY", "HASH"), ((m.name, m.kind, size(m.size_bytes), size(m.moved_bytes), m.engine, _short(m.digest)) for m in r.moved if m.digest or m.moved_bytes)),
        _section("Different on purpose", ("KIND", "NAME", "FIELD", "WHY"), ((m.kind, m.name, key, why) for m in r.moved for key, why in sorted(m.changed.items()))),
        _section("For their owners to do", ("KIND", "NAME", "WHAT"), ((f.kind, f.name or f.id, f.what) for f in r.for_owners)),
    ]  # fmt: skip
    return Group(_pairs(pairs), *(part for section in sections for part in section))


def _names(decided: "PlannedMigrationView") -> Iterable[RenderableType]:
    """What is open is told with what may be given."""
    for kind, names in decided.open_names.items():
        if names:
            offered = ", ".join(decided.offered_names.get(kind, ())) or "nothing there"
            said = f"Open: {kind.replace('_', ' ')} {', '.join(names)}; to choose from: {offered}"
            yield Text(said, style="red")


def _section(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[RenderableType]:
    table = _table(*heads)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    return [Text(), Text(title, style="bold"), table] if table.row_count else []


def _table(*heads: str) -> "Table":
    from pumphouse.cli.tables import plain_table

    return plain_table(*heads)


def _pairs(pairs: dict[str, Any]) -> "Table":
    from pumphouse.cli.tables import pairs_table

    return pairs_table({name: value for name, value in pairs.items() if value})


def _word(status: str) -> Text:
    return Text(status, style=COLOURS.get(status, ""))


def _short(digest: str) -> str:
    return digest if len(digest) <= LONGEST_DIGEST else digest[: LONGEST_DIGEST - 1] + "…"


def _seconds(seconds: float) -> str:
    from pumphouse.cli.tables import duration

    return duration(seconds)
