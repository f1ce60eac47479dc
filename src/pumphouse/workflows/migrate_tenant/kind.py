"""How a kind of resource is declared to the migration: one `Kind` per module of `kinds/`. The machine above knows nothing else of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pumphouse.domain.resource import Resource, ResourceKind, differences


class Identity(StrEnum):
    """How a counterpart in the destination is known that we have not made ourselves."""

    OWN = "own"
    """never: by our own record only"""
    NAMED = "named"
    """one of the same name (and domain, owner or service) is the same thing"""
    MAPPED = "mapped"
    """it must exist; the operator's map or the same name says which it is"""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the operator has chosen for this migration. `names`: kind -> {name in the source: name in the destination} for what is mapped or renamed."""

    keep_addresses: bool = True
    stateless: bool = False
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def as_it_is(fields: Mapping[str, Any], choices: Choices) -> Mapping[str, Any]:
    """The destination shall have what the source has."""
    del choices
    return fields


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.

    Args:
        adjust: from the source's fields to those that the destination shall have, references still the source's: what is changed on purpose is changed here,
            never in a driver.
        on_purpose: field -> why it may be different, in a sentence for plan, verification and report.
        adoptable: fields of an existing one that may be brought to the source's values; if others differ too it is a conflict.
        free: field -> why the destination may have something else there, always: what was asked for is only a wish (the id of a flavor).
        ours: fields that are free in an existing one, as they are somebody's decision there, but not in one that we make.
        at_least: fields of which the destination may have more: of a list and of a mapping what is wanted must be in it, and for None anything will do.
            `update` adds to such fields and takes nothing away.
        completed: fields that `create` sets by further requests: after a crash a candidate that lacks only these (and adoptable ones) is ours, and `update` sets them.
        unordered: fields whose lists, at any depth, have no order: what is sorted by references to the source is not sorted by those to the destination.
        later: fields that `create` leaves out and that are set by `update` when a server moves (what a floating IP points to); not compared before.
        named_after: the field that its name only repeats (a floating IP's address): where that is the cloud's to choose, the name is, too.
        chosen: which of the candidates stands for the source, where a name is not enough (the default security group); None is none of them.
        innate: whether every project has one like this by itself (the default security group), so that it goes with its project only.
        scope: fields that make up identity together with the name (the domain of a user); of two of one name the one whose scope is equal is meant.
        touched: fields of the source that the fence or the move itself changes (a server's power state): they do not count as a change of the source, and
            what they were is kept in the Move.
        obstacle: why this one cannot be moved at all, in a sentence; empty when it can.
        part_of: of a late kind, the kind whose id it shares; None when its id is the same in every cloud (quotas of a service).
        goes_along: of a late kind: it goes when what it is part of is deleted, and does not keep that from being deleted.
        shared: it belongs to the cloud: what one tenant's migration has made another's may use, and then it is not taken back before both are.
        parallel: how many of the kind may be made at once.
        late: made by `update` of something that another kind has made (rules of a group, routes of a router): nothing to find, delete or roll back by itself.
        listed_only: never made; the plan and the report say what their owners must do.
    """

    kind: ResourceKind
    title: str
    identity: Identity
    adjust: Callable[[Mapping[str, Any], Choices], Mapping[str, Any]] = as_it_is
    on_purpose: Mapping[str, str] = field(default_factory=dict)
    adoptable: frozenset[str] = frozenset()
    free: Mapping[str, str] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()
    at_least: frozenset[str] = frozenset()
    completed: frozenset[str] = frozenset()
    unordered: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()
    named_after: str = ""
    chosen: Callable[[Resource, Sequence[Resource]], Resource | None] | None = None
    innate: Callable[[Resource], bool] | None = None
    scope: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()
    obstacle: Callable[[Resource, Choices], str] | None = None
    part_of: ResourceKind | None = None
    goes_along: bool = False
    shared: bool = False
    parallel: int = 8
    late: bool = False
    listed_only: bool = False

    def is_free(self, name: str, *, ours: bool) -> bool:
        """Whether the destination may have something else in this field; `ours`: of one that we have made."""
        return name in self.free and not (ours and name in self.ours)

    def differences(
        self, wanted: Mapping[str, Any], found: Mapping[str, Any], *, ours: bool = False
    ) -> dict[str, tuple[Any, Any]]:
        """Field -> (wanted, found) for all that differ and count: not those that are free, nor where only more was found than had to be. Whether a field
        differs on purpose only the caller knows, who has what the source has as well.
        """
        return {
            name: pair
            for name, pair in differences(wanted, found).items()
            if not self.is_free(name, ours=ours)
            and not (name in self.at_least and _holds(*pair))
            and not (name in self.unordered and _settled(pair[0]) == _settled(pair[1]))
        }


def _holds(wanted: Any, found: Any) -> bool:
    """Whether everything wanted is in what was found."""
    if wanted is None:
        return True
    if isinstance(wanted, list) and isinstance(found, list):
        return all(each in found for each in wanted)
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(key in found and found[key] == value for key, value in wanted.items())
    return bool(wanted == found)


def _settled(value: Any) -> Any:
    """A copy with all lists in it sorted."""
    if isinstance(value, Mapping):
        return {key: _settled(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return sorted(map(_settled, value), key=lambda each: json.dumps(each, sort_keys=True))
    return value
