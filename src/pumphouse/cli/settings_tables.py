"""The tables of settings and of two environments side by side. Used by environments.py; knows nothing but wire models."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pumphouse.cli.tables import findings, plain_table, when, word

if TYPE_CHECKING:
    from pumphouse.wire.settings import DifferenceView, DiffView, SettingsView, SettingView

NAMES_SHOWN = 12
"""Of a list; `-o yaml` has all of it."""


def settings(found: "SettingsView") -> RenderableType:
    """One table per section; what is not known says so."""
    unknown = sum(not one.known for one in found.settings.values())
    head = Text(
        f"{found.environment} ({found.release}), read {when(found.read_at)}: {len(found.settings)} settings, {unknown} unknown"
    )
    parts: list[RenderableType] = [head]
    for section, rows in _sections(found.settings).items():
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in (section.upper(), "VALUE", "SOURCE"):
            table.add_column(column, overflow="fold")
        for key, one in rows:
            table.add_row(key.removeprefix(f"{section}."), _told(one), Text(one.source, style="dim"))
        parts += [Text(), table]
    return Group(*parts)


def diff(found: "DiffView") -> RenderableType:
    """Findings, then differences; what is equal is counted."""
    parts: list[RenderableType] = [
        Text.assemble(f"{found.left} and {found.right}: ", word(found.status)),
        Text(
            f"{found.left} read {when(found.left_read_at)}, {found.right} read {when(found.right_read_at)}", "dim"
        ),
    ]  # fmt: skip
    if found.findings:
        parts += [Text(), findings(found.findings)]
    real = [one for one in found.differences if not one.own]
    own = [one.key for one in found.differences if one.own]
    if real:
        table = plain_table("SETTING", found.left, found.right)
        for one in real:
            table.add_row(one.key, *_sides(one))
        parts += [Text(), table]
    parts += [Text(), Text(f"{found.equal} settings are equal.")]
    if own:
        parts.append(Text(f"Of each cloud's own: {', '.join(own)}."))
    if found.unknown:
        parts.append(
            Text(f"{len(found.unknown)} not compared, as one side is not known: {', '.join(found.unknown)}.")
        )
    return Group(*parts)


def _sections(
    rows: Mapping[str, "SettingView"],
) -> dict[str, list[tuple[str, "SettingView"]]]:
    order = ("release", "service", "network", "storage", "compute", "identity", "quota", "contents")
    found: dict[str, list[tuple[str, SettingView]]] = {name: [] for name in order}
    for key, one in rows.items():
        found.setdefault(key.partition(".")[0], []).append((key, one))
    return {name: section for name, section in found.items() if section}


def _told(one: "SettingView") -> Text:
    return Text(_short(one.value)) if one.known else Text("unknown", style="yellow")


def _sides(one: "DifferenceView") -> tuple[str, str]:
    """For lists only what is not the same."""
    if one.only_left or one.only_right or one.changed:
        changed = [
            f"{name} (differs in {', '.join(fields) or 'number'})" for name, fields in one.changed.items()
        ]
        return _names([*one.only_left, *changed]), _names([*one.only_right, *changed])
    return tuple("-" if side is None else _short(side.value) for side in (one.left, one.right))  # type: ignore[return-value]  # two sides


def _short(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{name} {_short(inner)}" for name, inner in value.items()) or "none"
        case list() | tuple():
            return _names([_name(member) for member in value])
        case _:
            return str(value)


def _name(member: Any) -> str:
    """A row of contents by its name; a small one as a whole."""
    if not isinstance(member, Mapping):
        return _short(member)
    if len(member) > 3 and member.get("name"):
        return str(member["name"])
    return " ".join(_short(value) for value in member.values() if value not in (None, ""))


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more if names else "none"
