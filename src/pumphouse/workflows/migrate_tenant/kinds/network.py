"""Networks of tenants. What they are made of below (type, segment) is the destination's own, unless the operator maps the type."""

from collections.abc import Mapping
from typing import Any, Final

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind

TYPES: Final = "network_type"
"""Key of `Choices.names`: `TYPE` or `TYPE/PHYSICAL NETWORK` -> `TYPE[/PHYSICAL NETWORK[/SEGMENT]]`."""
MTUS: Final = "network_mtu"
"""Key of `Choices.names`: MTU -> MTU, "" for what the destination gives; for clouds whose tunnels leave less room."""


def _adjust(fields: Mapping[str, Any], choices: Choices) -> Mapping[str, Any]:
    mtu = str(fields["mtu"])
    mapped = choices.names.get(MTUS, {}).get(mtu, mtu)
    return {
        **fields,
        "provider": _provider(fields["provider"], choices.names.get(TYPES, {})),
        "mtu": fields["mtu"] if mapped == mtu else _number(MTUS, mapped) if mapped else None,
    }


def _provider(provider: Mapping[str, Any] | None, types: Mapping[str, str]) -> dict[str, Any] | None:
    if provider is None:
        return None
    kind, physical = provider["type"], provider["physical_network"]
    wanted = types.get(f"{kind}/{physical}", types.get(kind, ""))
    if not wanted:
        return None
    kind, _, rest = wanted.partition("/")
    physical, _, segment = rest.partition("/")
    return {
        "type": kind,
        **({"physical_network": physical} if physical else {}),
        **({"segment": _number(TYPES, segment)} if segment else {}),
    }


def _number(field: str, value: str) -> int:
    if not value.isdecimal():
        raise InvalidInputError(field, value, "is not a number", hint="for example network_mtu: {1450: 1442}")
    return int(value)


KIND = Kind(
    kind=ResourceKind.NETWORK,
    title="network",
    identity=Identity.OWN,
    adjust=_adjust,
    on_purpose={
        "provider": "type and segment of a tenant's network are the cloud's own",
        "mtu": "the operator's map gives networks another MTU here",
    },
    # None: a cloud without the extension (2023.1 answers null where 2026.2 answers false)
    at_least=frozenset({"provider", "mtu", "vlan_transparent"}),
    completed=frozenset({"tags"}),
    unordered=frozenset({"availability_zone_hints"}),
    parallel=32,
)
