"""Address scopes, subnet pools and address groups of Neutron: where addresses come from and what lists of them are called; table.py opens it.

Fields of an address_scope: ip_version: 4 | 6.
Fields of a subnet_pool:
    description: str
    prefixes: [CIDR], sorted; Neutron merges adjoining ones (neutron/ipam/subnet_alloc.py), so both ends show them merged
    address_scope: ref address_scope | None
    default_prefixlen, min_prefixlen, max_prefixlen: int
    default_quota: int | None
    is_default: bool
    tags: [str], sorted
Fields of an address_group:
    description: str
    addresses: [CIDR], sorted
Being shared is an `rbac_share`. Notes: shared, created_at, updated_at, revision_number.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.resource import ResourceKind, ref_or_none
from pumphouse.drivers.openstack.resources.neutron_kind import NeutronKind, Row, picked, renamed
from pumphouse.drivers.openstack.transport import Params


class AddressScopes(NeutronKind):
    """Address scopes."""

    kind = ResourceKind.ADDRESS_SCOPE
    path, one, many = "/address-scopes", "address_scope", "address_scopes"
    lent: ClassVar[Params | None] = {"shared": "true"}
    tagged = False
    fixed = frozenset({"ip_version"})
    noted = ("shared",)

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {"ip_version": row["ip_version"]}

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return picked(fields, "ip_version")


class SubnetPools(NeutronKind):
    """Subnet pools."""

    kind = ResourceKind.SUBNET_POOL
    path, one, many = "/subnetpools", "subnetpool", "subnetpools"
    lent: ClassVar[Params | None] = {"shared": "true"}
    neutral: ClassVar[Mapping[str, Any]] = {"address_scope_id": None, "default_quota": None}
    noted = ("shared", "ip_version")

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {
            "description": row.get("description") or "",
            "prefixes": sorted(row["prefixes"]),
            "address_scope": ref_or_none(ResourceKind.ADDRESS_SCOPE, row.get("address_scope_id")),
            # some releases answer these as text
            "default_prefixlen": int(row["default_prefixlen"]),
            "min_prefixlen": int(row["min_prefixlen"]),
            "max_prefixlen": int(row["max_prefixlen"]),
            "default_quota": row.get("default_quota"),
            "is_default": bool(row.get("is_default")),
        }

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **picked(
                fields, "description", "prefixes", "default_prefixlen", "min_prefixlen", "max_prefixlen", "default_quota", "is_default"
            ),
            **renamed(fields, address_scope="address_scope_id"),
        }  # fmt: skip


class AddressGroups(NeutronKind):
    """Address groups (Wallaby and later)."""

    kind = ResourceKind.ADDRESS_GROUP
    path, one, many = "/address-groups", "address_group", "address_groups"
    tagged = False
    fixed = frozenset({"addresses"})
    noted = ("shared",)

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {"description": row.get("description") or "", "addresses": sorted(row.get("addresses") or [])}

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return picked(fields, "description", "addresses")

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        """Addresses cannot be set, only added and removed (ACTION_MAP in neutron_lib/api/definitions/address_group.py)."""
        super().update(id, fields)
        if "addresses" not in fields:
            return
        there = set(self._http.get("network", f"{self.path}/{id}")[self.one]["addresses"])
        wanted = set(fields["addresses"])
        for action, addresses in (("add_addresses", wanted - there), ("remove_addresses", there - wanted)):
            if addresses:
                body = {self.one: {"addresses": sorted(addresses)}}
                self._write("PUT", f"{self.path}/{id}/{action}", body)
