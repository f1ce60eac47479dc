"""Which release a cloud is, told from what its services speak; discovery.py calls it. A new release is a new row, not new code."""

from collections.abc import Collection, Mapping
from typing import Final

UNKNOWN: Final = "unknown"

_NOVA_MAXIMUM: Final[Mapping[str, tuple[str, ...]]] = {
    # nova's rest_api_version_history.rst; a maximum often holds for two releases
    "2.87": ("ussuri", "victoria"),
    "2.88": ("wallaby",),
    "2.90": ("xena", "yoga"),
    "2.93": ("zed",),
    "2.95": ("2023.1", "2023.2"),
    "2.96": ("2024.1", "2024.2"),
    "2.100": ("2025.1", "2025.2"),
    "2.103": ("2026.1",),
    "2.104": ("2026.2",),
}
_NEUTRON_MARK: Final[Mapping[str, str]] = {
    # the extension that ML2 (and OVN's list of supported ones) has from this release on: neutron 23 and 25
    "2023.2": "security-groups-default-rules",
    "2024.2": "port-numa-affinity-policy-socket",
}


def release_of(nova_maximum: str, extensions: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The release, or `unknown`, and all releases that fit.

    Nova's highest microversion decides; of two releases that share it, Neutron's extensions tell the later where it brought one. 2025.1 and
    2025.2 speak alike and cannot be told apart from outside.
    """
    fitting = _NOVA_MAXIMUM.get(nova_maximum, ())
    if len(fitting) == 2 and extensions and fitting[1] in _NEUTRON_MARK:
        fitting = (fitting[1],) if _NEUTRON_MARK[fitting[1]] in extensions else (fitting[0],)
    return (fitting[0] if len(fitting) == 1 else UNKNOWN), fitting
