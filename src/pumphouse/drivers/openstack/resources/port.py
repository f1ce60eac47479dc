"""Ports of servers, of router interfaces and lone ones; table.py opens it. Not those that Neutron makes for itself (DHCP, OVN metadata, gateways, SNAT,
HA, floating IPs, and of services such as load balancers, which a remark of the inventory tells).

Fields:
    network: ref network | external_network
    description: str
    admin_state_up: bool
    router: ref router | None; whose interface it is or is going to be
    mac_address: str | None; None = the cloud chooses
    fixed_ips: [{"subnet": ref subnet | external_subnet, "ip_address": str | None}], sorted; ALL of them; [] = none
    allowed_address_pairs: [{"ip_address": CIDR or address, "mac_address": str | None}], sorted; None = the port's own
    port_security_enabled: bool
    security_groups: [ref security_group], sorted
    qos_policy: ref qos_policy | None
    dns_name, dns_domain: str, "" without
    vnic_type: str, `normal` as a rule
    extra_dhcp_opts: [{"opt_name", "opt_value", "ip_version": int}], sorted
    numa_affinity_policy, device_profile: str | None
    tags: [str], sorted
A server's port is made unbound; Nova binds it when the server is made with it. An address that Neutron derives from the MAC (IPv6 with SLAAC) is not asked for,
as it comes by itself (_get_auto_address_ips in neutron/db/ipam_pluggable_backend.py) and would come twice.
A port for a router is made as its interface, since only such a port gets no further addresses and may have any of a subnet with SLAAC (ibid.,
_test_fixed_ips_for_port), and then put down again as `pumphouse:ROUTER`, since only a free port can be added to a router. It is down until then, which tells
one that was left half made by a crash.
Notes: device_id, device_owner, host, status, profile (binding:profile, Nova's own), subnets, trunk (id), propagate_uplink_status, created_at, updated_at,
revision_number.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref, ref_or_none
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.resources.network_index import NetworkIndex, fixed_ips
from pumphouse.drivers.openstack.resources.neutron_kind import (
    IDS_AT_ONCE,
    NeutronKind,
    Row,
    ordered,
    owner_of,
    picked,
    renamed,
)
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.router_interface import INTERFACE_OWNERS

_OF_SERVICES: Final = ("network:", "neutron:", "octavia", "manila:")
"""What the owners of ports begin with (in small letters) that services make for themselves."""
_OF_USE: Final = ("compute:", "trunk:", "baremetal:")
"""Those of ports that are taken into use again by what is made on them."""
_MOVABLE: Final = frozenset({"network:dhcp", "network:distributed"})
"""Ports that Neutron makes as soon as a subnet has DHCP: the agents' and OVN's for metadata. Any address will do for them."""
_DESTINED: Final = "pumphouse:"
"""What the owner of a port begins with that is to become the interface of the router whose id follows."""
_DERIVING: Final = frozenset({"slaac", "dhcpv6-stateless"})
"""Modes in which addresses come of the MAC (IPV6_MODES_AUTO in neutron_lib/constants.py)."""
_TRIES: Final = 3
_TRUSTED: Final[Mapping[str, Any]] = {
    "port_security_enabled": False,
    "security_groups": [],
    "allowed_address_pairs": [],
}
"""What Neutron allows a router's interface when it is made; one that was a port before it became an interface has kept more, and gets it afterwards."""


class Ports(NeutronKind):
    """Ports that somebody has made for something."""

    kind = ResourceKind.PORT
    path, one, many = "/ports", "port", "ports"
    bulk = 50
    neutral: ClassVar[Mapping[str, Any]] = {
        "mac_address": None, "allowed_address_pairs": [], "qos_policy_id": None, "dns_name": "", "dns_domain": "", "binding:vnic_type": "normal",
        "extra_dhcp_opts": [], "numa_affinity_policy": None, "device_profile": None,
    }  # fmt: skip
    fixed = frozenset({"network_id", "device_profile", "device_owner", "device_id"})
    noted = ("device_id", "device_owner", "status", "propagate_uplink_status")

    def __init__(self, reach: Reach) -> None:
        super().__init__(reach)
        self._index = NetworkIndex(reach)
        self._derived: dict[str, bool] = {}

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        bare = plain(fields)
        if bare.get("router"):
            made = super().create(tenant_id, name, bare | _TRUSTED)
            secured = {name: bare[name] for name in _TRUSTED if name in bare and bare[name] != _TRUSTED[name]}
            self._put_down(made, bare["router"], up=bare["admin_state_up"], **self._body(secured))
            return made
        addresses = self._asked_for(bare.get("fixed_ips") or [])
        return super().create(tenant_id, name, {**bare, "fixed_ips": addresses})

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        row = self._http.get("network", f"{self.path}/{id}")[self.one]
        if _is_half_made(row) and fields.get("admin_state_up"):
            self._put_down(id, str(row["device_id"]), up=True)
        super().update(id, fields)

    @override
    def _remove(self, id: str) -> None:
        try:
            super()._remove(id)
        except BusyError:
            row = self._http.get("network", f"{self.path}/{id}")[self.one]
            if not _is_half_made(row):
                raise
            self._put_down(id, str(row["device_id"]), up=False)
            super()._remove(id)

    @override
    def _ours(self, rows: Sequence[Row]) -> Sequence[Row]:
        ours = [row for row in rows if _is_ours(str(row.get("device_owner") or ""))]
        self._index.learn(str(row["network_id"]) for row in ours)
        return ours

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {
            "network": self._index.network(str(row["network_id"]), owner_of(row)),
            "description": row.get("description") or "",
            "admin_state_up": bool(row["admin_state_up"]),
            "router": ref_or_none(ResourceKind.ROUTER, _router(row)),
            "mac_address": row["mac_address"],
            "fixed_ips": fixed_ips(self._index, row),
            "allowed_address_pairs": _pairs(row),
            "port_security_enabled": bool(row.get("port_security_enabled", True)),
            "security_groups": [
                ref(ResourceKind.SECURITY_GROUP, each) for each in sorted(row.get("security_groups") or [])
            ],
            "qos_policy": ref_or_none(ResourceKind.QOS_POLICY, row.get("qos_policy_id")),
            "dns_name": row.get("dns_name") or "",
            "dns_domain": row.get("dns_domain") or "",
            "vnic_type": row.get("binding:vnic_type") or "normal",
            "extra_dhcp_opts": ordered(
                row.get("extra_dhcp_opts") or [], "opt_name", "opt_value", "ip_version"
            ),
            "numa_affinity_policy": row.get("numa_affinity_policy"),
            "device_profile": row.get("device_profile"),
        }

    @override
    def _resource(self, row: Row) -> Resource:
        made = super()._resource(row)
        trunk = row.get("trunk_details") or {}
        further = {
            "host": row.get("binding:host_id") or "",
            "profile": row.get("binding:profile") or {},
            "subnets": [each["subnet_id"] for each in row.get("fixed_ips") or []],
            "trunk": trunk.get("trunk_id", ""),
        }
        return replace(made, notes={**made.notes, **further})

    @override
    def _remarks(self, row: Row) -> list[str]:
        owner = str(row.get("device_owner") or "")
        if not owner or _router(row) or owner.startswith(_OF_USE):
            return []
        return [f"it is marked as {owner}'s; the new one is not, until what uses it takes it"]

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        body = {
            **picked(
                fields, "description", "admin_state_up", "mac_address", "port_security_enabled", "security_groups", "dns_name", "dns_domain",
                "extra_dhcp_opts", "numa_affinity_policy", "device_profile",
            ),
            **renamed(fields, network="network_id", qos_policy="qos_policy_id", vnic_type="binding:vnic_type"),
        }  # fmt: skip
        if "fixed_ips" in fields:
            body["fixed_ips"] = [
                _told(subnet_id=each["subnet"], ip_address=each["ip_address"]) for each in fields["fixed_ips"]
            ]
        if "allowed_address_pairs" in fields:
            body["allowed_address_pairs"] = [_told(**each) for each in fields["allowed_address_pairs"]]
        if fields.get("router"):
            body |= {"device_owner": INTERFACE_OWNERS[0], "device_id": fields["router"]}
        return body

    @override
    def _made(self, body: Row) -> Row:
        """Where one of Neutron's own ports has taken an address before ours could, it has to take another."""
        if "device_owner" in body:
            body = {**body, "admin_state_up": False}
        for _ in range(_TRIES):
            try:
                return super()._made(body)
            except ConflictError:
                if not self._put_aside(body):
                    raise
        return super()._made(body)

    def _put_down(self, id: str, router_id: str, *, up: bool, **further: Any) -> None:
        body = {"device_owner": f"{_DESTINED}{router_id}", "device_id": "", "admin_state_up": up, **further}
        self._write("PUT", f"{self.path}/{id}", {self.one: body})

    def _asked_for(self, addresses: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Without those that Neutron derives from the MAC."""
        self._learn({each["subnet"] for each in addresses if ":" in str(each["ip_address"])})
        return [
            {**each, "ip_address": None if self._derived.get(each["subnet"]) else each["ip_address"]}
            for each in addresses
        ]

    def _learn(self, subnet_ids: set[str]) -> None:
        """Which of these subnets derive addresses; that never changes."""
        unknown = sorted(subnet_ids - self._derived.keys())
        for at in range(0, len(unknown), IDS_AT_ONCE):
            fields = ("id", "ipv6_address_mode", "ipv6_ra_mode")
            params = {"id": unknown[at : at + IDS_AT_ONCE], "fields": fields}
            for row in self._http.rows("network", "/subnets", "subnets", params=params):
                self._derived[row["id"]] = bool(
                    {row.get("ipv6_address_mode"), row.get("ipv6_ra_mode")} & _DERIVING
                )

    def _put_aside(self, body: Row) -> bool:
        """Whether something was moved off an address that this port wants."""
        wanted = [each["ip_address"] for each in body.get("fixed_ips") or [] if "ip_address" in each]
        if not wanted:
            return False
        there = self._listed(
            {"network_id": body["network_id"], "fields": ("id", "device_owner", "fixed_ips")}
        )
        taken = {each["ip_address"] for row in there for each in row["fixed_ips"]} | set(wanted)
        moved = False
        for row in there:
            if row.get("device_owner") not in _MOVABLE or not any(
                each["ip_address"] in wanted for each in row["fixed_ips"]
            ):
                continue
            others = [
                self._elsewhere(each, taken) if each["ip_address"] in wanted else each
                for each in row["fixed_ips"]
            ]
            self._write("PUT", f"{self.path}/{row['id']}", {self.one: {"fixed_ips": others}})
            moved = True
        return moved

    def _elsewhere(self, fixed_ip: Row, taken: set[str]) -> Row:
        """The last free address of the same subnet's pools. It must be named: asked for any address of a subnet in which it has one, Neutron lets a port
        keep that (_get_changed_ips_for_port in neutron/db/ipam_backend_mixin.py).
        """
        subnet = self._http.get("network", f"/subnets/{fixed_ip['subnet_id']}")["subnet"]
        free = next((each for each in _from_the_end(subnet["allocation_pools"]) if each not in taken), None)
        if free is None:
            raise ConflictError(
                f"no address is free in subnet {subnet['id']} for Neutron's own port",
                hint="make its allocation pool larger",
            )
        taken.add(free)
        return {"subnet_id": fixed_ip["subnet_id"], "ip_address": free}


def _router(row: Row) -> str:
    owner = str(row.get("device_owner") or "")
    if owner.startswith(_DESTINED):
        return owner.removeprefix(_DESTINED)
    return str(row["device_id"]) if owner in INTERFACE_OWNERS else ""


def _is_half_made(row: Row) -> bool:
    return row.get("device_owner") == INTERFACE_OWNERS[0] and not row["admin_state_up"]


def _is_ours(owner: str) -> bool:
    return owner in INTERFACE_OWNERS or not owner.lower().startswith(_OF_SERVICES)


def _pairs(row: Row) -> list[dict[str, Any]]:
    pairs = [
        {
            "ip_address": each["ip_address"],
            "mac_address": None if each["mac_address"] == row["mac_address"] else each["mac_address"],
        }
        for each in row.get("allowed_address_pairs") or []
    ]
    return sorted(pairs, key=str)


def _told(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _from_the_end(pools: Sequence[Mapping[str, str]]) -> Iterator[str]:
    for pool in reversed(pools):
        first, last = ipaddress.ip_address(pool["start"]), ipaddress.ip_address(pool["end"])
        while last >= first:  # type: ignore[operator]  # both ends of a pool are of one version
            yield str(last)
            last -= 1
