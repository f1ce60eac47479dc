"""The facts of translations.toml and decisions.toml, read once; the planner asks for what holds for a key."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

Change = Literal["renamed", "replaced", "removed", "default"]

NAMED: Final = ("stein", "train", "ussuri", "victoria", "wallaby", "xena", "yoga", "zed")
"""Releases before they were called by their year; releases.openstack.org."""


@dataclass(frozen=True, slots=True)
class Translation:
    """What a newer release does to a setting; the fields stand in translations.toml."""

    key: str
    since: str
    change: Change
    reason: str
    source: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def applied(self, value: Any) -> Any:
        """The value in the new release; None where it has its own or none."""
        if self.change in ("removed", "default"):
            return None
        if isinstance(value, list):
            return list(dict.fromkeys(self.values.get(str(one), one) for one in value))
        return self.values.get(str(value), value)


@dataclass(frozen=True, slots=True)
class Decision:
    """What two clouds must not share. With `distinct` the duplicate is found wrong when it has the original's value."""

    key: str
    reason: str
    propose: str
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """What is read, and no choice of whoever builds a cloud."""

    key: str
    reason: str


@cache
def translations() -> Sequence[Translation]:
    """All of them, in the order of the file."""
    return [Translation(**row) for row in _read("translations.toml")["rule"]]


def translation(key: str, original: str, target: str) -> Translation | None:
    """The one that holds for a setting on the way from one release to another."""
    for rule in translations():
        if matches(rule.key, key) and order(original) < order(rule.since) <= order(target):
            return rule
    return None


def decision(key: str) -> Decision | None:
    """What must be decided about a setting."""
    return next((Decision(**row) for row in _decisions()["decide"] if matches(row["key"], key)), None)


def observed(key: str) -> Observed | None:
    """Why a setting is no choice."""
    return next((Observed(**row) for row in _decisions()["observed"] if matches(row["key"], key)), None)


def alike(key: str) -> bool:
    """Whether two clouds are only similar with this setting equal."""
    return any(matches(row["key"], key) for row in _decisions()["alike"])


def matches(pattern: str, key: str) -> bool:
    """`*` stands for one part of a key, `**` for the rest."""
    text = re.escape(pattern).replace(r"\*\*", ".+").replace(r"\*", r"[^.]+")
    return re.fullmatch(text, key) is not None


def order(release: str) -> tuple[int, int]:
    """By which releases are compared; what is not known is older than all."""
    found = re.fullmatch(r"(\d{4})\.([12])", release)
    if found:
        return int(found[1]), int(found[2])
    return (0, NAMED.index(release)) if release in NAMED else (-1, 0)


def is_release(text: str) -> bool:
    """Whether it is a release whose place we know."""
    return order(text) != (-1, 0)


@cache
def _decisions() -> Mapping[str, Any]:
    return _read("decisions.toml")


def _read(name: str) -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath(name).read_text())
