"""What an answer may look like, by key; the planner checks each one, so that a mistyped value is said before anything is built."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pumphouse.domain.errors import InvalidInputError
from pumphouse.workflows.duplicate_environment.rules import matches

KINDS: Final = ("flat", "vlan", "vxlan", "gre", "geneve", "local")


def check_answer(key: str, value: Any, was: Any) -> None:
    """Hold an answer against the shape of its key; one without a shape of its own must be of the kind that the original's value has.

    Raises:
        InvalidInputError: naming key, value and remedy.
    """
    for pattern, (fits, remedy) in SHAPES.items():
        if matches(pattern, key):
            if not fits(value):
                raise _wrong(key, value, remedy)
            return
    if was is not None and value is not None and not _same_kind(value, was):
        raise _wrong(key, value, f"must be {_kind(was)}, as in the original: {was!r}")


def _wrong(key: str, value: Any, remedy: str) -> InvalidInputError:
    shown = value if isinstance(value, str | int | float) or value is None else str(value)
    return InvalidInputError(key, shown, remedy, hint="correct it in the answers file, or with --set")


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and one for one in value)


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _span(value: Any, low: int, high: int) -> bool:
    return (
        isinstance(value, Mapping)
        and _whole(value.get("minimum"), low, high)
        and _whole(value.get("maximum"), low, high)
        and value["minimum"] <= value["maximum"]
    )


def _vlans(value: Any) -> bool:
    return isinstance(value, list) and all(
        _span(row, 1, 4094)
        and isinstance(row.get("physical_network"), str)
        and set(row) == {"physical_network", "minimum", "maximum"}
        for row in value
    )


def _rows(value: Any, *names: str) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(row, Mapping)
            and set(row) == set(names)
            and all(isinstance(v, str) and v for v in row.values())
            for row in value
        )
    )


SHAPES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "network.tenant_types": (
        lambda v: _texts(v) and set(v) <= set(KINDS),
        f"must be a list of kinds of networks: {', '.join(KINDS)}",
    ),
    "network.mtu": (lambda v: _whole(v, 68, 65535), "must be a number of bytes from 68 to 65535"),
    "network.segmentation.vlan.ranges": (
        _vlans,
        "must be a list of {physical_network, minimum, maximum} with VLANs from 1 to 4094",
    ),
    "network.segmentation.*.range": (
        lambda v: _span(v, 1, 16777215) and set(v) == {"minimum", "maximum"},
        "must be {minimum, maximum} with segment ids from 1 to 16777215",
    ),
    "network.physical_networks": (_texts, "must be a list of names"),
    "storage.glance.stores": (lambda v: _rows(v, "id", "type"), "must be a list of {id, type}"),
    "storage.cinder.backends": (lambda v: _rows(v, "name", "type"), "must be a list of {name, type}"),
    "compute.*_allocation_ratio": (
        lambda v: isinstance(v, int | float) and not isinstance(v, bool) and 0 < v <= 10000,
        "must be a number above 0",
    ),
    "quota.*.*": (lambda v: _whole(v, -1, 2**31 - 1), "must be a whole number, -1 for unlimited"),
}
"""Key (`*` stands for one part) -> whether a value fits, and what would."""


def _same_kind(value: Any, was: Any) -> bool:
    if isinstance(was, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(was, bool)
    if isinstance(was, int | float):
        return isinstance(value, int | float)
    return isinstance(value, type(was))


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list):
        return "a list"
    return "a mapping" if isinstance(value, Mapping) else "a text"
