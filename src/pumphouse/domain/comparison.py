"""Two environments' settings side by side: what differs, what is equal, what cannot be told. Used by services/settings.py and the duplication's last look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pumphouse.domain.comparison_findings import findings_of
from pumphouse.domain.finding import Finding
from pumphouse.domain.settings import Setting, Settings

_OWN_SUFFIXES = (".endpoints", "_in_use")
"""Keys in which any two clouds differ: addresses, and what tenants have made so far."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One key with known, different values; a side is None when it has no such key. `own` marks what any two clouds differ in.

    For lists of named rows, or of plain values, the names tell it in short: those only left, only right, and those that are
    in both but not the same, each with the fields in which they differ.
    """

    key: str
    left: Setting | None
    right: Setting | None
    own: bool = False
    only_left: tuple[str, ...] = ()
    only_right: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`unknown` are keys that at least one side does not know; `findings` say what matters for moving nodes and tenants from left to right."""

    left: Settings
    right: Settings
    differences: tuple[Difference, ...]
    equal: tuple[str, ...]
    unknown: tuple[str, ...]
    findings: tuple[Finding, ...]


def compare(left: Settings, right: Settings) -> Comparison:
    """Compare key by key; what any two clouds differ in comes last among the differences."""
    differences: list[Difference] = []
    equal: list[str] = []
    unknown: list[str] = []
    for key in sorted({*left.values, *right.values}):
        mine, other = left.values.get(key), right.values.get(key)
        if (mine is not None and not mine.known) or (other is not None and not other.known):
            unknown.append(key)
        elif mine is not None and other is not None and mine.value == other.value:
            equal.append(key)
        else:
            differences.append(_difference(key, mine, other))
    differences.sort(key=lambda found: found.own)
    return Comparison(
        left, right, tuple(differences), tuple(equal), tuple(unknown), tuple(findings_of(left, right))
    )


def _difference(key: str, left: Setting | None, right: Setting | None) -> Difference:
    own = key.endswith(_OWN_SUFFIXES)
    mine, other = (None if side is None else _named(side.value) for side in (left, right))
    if mine is None or other is None:
        return Difference(key, left, right, own)
    return Difference(
        key,
        left,
        right,
        own,
        only_left=tuple(name for name in mine if name not in other),
        only_right=tuple(name for name in other if name not in mine),
        changed={
            name: _fields(rows, other[name])
            for name, rows in mine.items()
            if name in other and other[name] != rows
        },
    )


def _named(value: Any) -> dict[str, Sequence[Any]] | None:
    """The members of a list by their names; several may have one name."""
    if not isinstance(value, list | tuple):
        return None
    found: dict[str, list[Any]] = {}
    for member in value:
        found.setdefault(_name(member), []).append(member)
    return dict(found)


def _name(member: Any) -> str:
    if not isinstance(member, Mapping):
        return str(member)
    for name in ("name", "id", "type"):
        if member.get(name):
            return str(member[name])
    return ", ".join(f"{key}={value}" for key, value in member.items() if value not in (None, ""))


def _fields(mine: Sequence[Any], other: Sequence[Any]) -> tuple[str, ...]:
    """Of the first two rows of one name that are not the same; none where their number is what differs."""
    for left, right in zip(mine, other, strict=False):
        if left != right and isinstance(left, Mapping) and isinstance(right, Mapping):
            return tuple(name for name in sorted({*left, *right}) if left.get(name) != right.get(name))
    return ()
