"""Tables of a duplicate: the three lists of its settings, and the comparison of what was built; tables.py puts them below a plan and an operation."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from pumphouse.domain.settings import Fate

if TYPE_CHECKING:
    from rich.table import Table

    from pumphouse.wire.duplication import ComparedView, PlannedSettingView

LONGEST = 60
_HEADS = {
    Fate.COPIED: "Copied",
    Fate.TRANSLATED: "Defaulted or translated by the new release",
    Fate.DECIDE: "You must decide",
}
EQUAL = "equal"
_COLOURS = {"different": "red", "unknown": "yellow"}


def planned(settings: "Sequence[PlannedSettingView]", unknown: Sequence[str]) -> RenderableType:
    """The three lists, what must be decided last: it wants to be read."""
    parts: list[RenderableType] = []
    for fate in (Fate.COPIED, Fate.TRANSLATED, Fate.DECIDE):
        rows = [s for s in settings if s.fate is fate]
        if not rows:
            continue
        table = _table("SETTING", "ORIGINAL", "DUPLICATE", "DECIDED" if fate is Fate.DECIDE else "", "REASON")
        for s in rows:
            state = (
                ("answered" if s.answered else "proposed" if s.value is not None else "-")
                if fate is Fate.DECIDE
                else ""
            )
            table.add_row(*map(Text, (s.key, _short(s.was), _short(s.value), state, s.reason)))
        parts += [Text(f"{_HEADS[fate]} ({len(rows)})", style="bold"), table, Text()]
    if unknown:
        parts += [Text(f"Unknown, so nothing is planned for them ({len(unknown)})", style="bold")]
        parts += [Text(", ".join(unknown)), Text()]
    return Group(*parts)


def compared(rows: "Sequence[ComparedView]") -> RenderableType:
    """Setting by setting; differences stand first, and what is equal is only named: its values are in `env diff`."""
    table = _table("SETTING", "VERDICT", "ORIGINAL", "PLANNED", "FOUND", "REASON")
    tally: dict[str, int] = {}
    for r in rows:
        tally[r.verdict] = tally.get(r.verdict, 0) + 1
        if r.verdict == EQUAL:
            continue
        verdict = Text(r.verdict, style=_COLOURS.get(r.verdict, ""))
        values = (Text(_short(value)) for value in (r.original, r.planned, r.found))
        table.add_row(Text(r.key), verdict, *values, Text(r.reason))
    counted = ", ".join(f"{count} {verdict}" for verdict, count in tally.items())
    equal = [r.key for r in rows if r.verdict == EQUAL]
    return Group(
        Text("Comparison with the original", style="bold"),
        *([table] if table.row_count else []),
        Text(f"Equal ({len(equal)}): {', '.join(equal) or 'none'}"),
        Text(f"{len(rows)} settings: {counted}."),
    )


def _table(*heads: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def _short(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
