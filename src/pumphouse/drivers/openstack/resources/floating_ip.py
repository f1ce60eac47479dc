"""Floating IPs with their port forwardings; table.py opens it. The name is the address.

Fields:
    network: ref external_network
    address: str | None; None = the cloud chooses
    description: str
    dns_name, dns_domain: str, "" without
    qos_policy: ref qos_policy | None
    tags: [str], sorted
and those that `create` leaves out, set by `update` when what is behind it moves:
    port: ref port | None
    fixed_ip_address: str | None, which of the port's addresses it leads to
    port_forwardings: [{"protocol", "external_ports": "N" or "N:M", "internal_ports": likewise, "internal_ip_address": str, "internal_port": ref port,
        "description": str}], sorted
Released with `update(id, {"port": None, "fixed_ip_address": None, "port_forwardings": []})`. Notes: status, router_id, created_at, updated_at, revision_number.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref, ref_or_none
from pumphouse.drivers.openstack.resources.neutron_kind import NeutronKind, Row, picked, renamed

LATER: Final = frozenset({"port", "fixed_ip_address", "port_forwardings"})


class FloatingIps(NeutronKind):
    """Floating IPs."""

    kind = ResourceKind.FLOATING_IP
    path, one, many = "/floatingips", "floatingip", "floatingips"
    neutral: ClassVar[Mapping[str, Any]] = {
        "floating_ip_address": None, "dns_name": "", "dns_domain": "", "qos_policy_id": None,
    }  # fmt: skip
    fixed = frozenset({"floating_network_id", "floating_ip_address", "dns_name", "dns_domain"})
    noted = ("status", "router_id")

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return self.of_tenant(tenant_id)

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        """Without what it leads to: the source may still answer under this address."""
        return super().create(
            tenant_id, name, {key: value for key, value in fields.items() if key not in LATER}
        )

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        """A floating IP leads to a port or forwards single ports, never both: what it has is given up before it gets something new."""
        gives_up = not fields.get("port_forwardings")
        forwardings = plain(fields["port_forwardings"]) if "port_forwardings" in fields else None
        if gives_up and forwardings is not None:
            self._forward(id, forwardings)
        super().update(id, fields)
        if not gives_up and forwardings is not None:
            self._forward(id, forwardings)

    @override
    def _ours(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Lists tell neither descriptions nor ranges of forwardings (_extend_floatingip_dict in neutron/services/portforwarding/pf_plugin.py), so those
        that have some are asked one by one.
        """
        having = [row for row in rows if row.get("port_forwardings")]
        told = self._http.gather([partial(self._forwardings, str(row["id"])) for row in having])
        whole = {row["id"]: found for row, found in zip(having, told, strict=True)}
        return [{**row, "port_forwardings": whole[row["id"]]} if row["id"] in whole else row for row in rows]

    @override
    def _name(self, row: Row) -> str:
        return str(row["floating_ip_address"])

    @override
    def _titled(self, name: str) -> dict[str, str]:
        return {}

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {
            "network": ref(ResourceKind.EXTERNAL_NETWORK, row["floating_network_id"]),
            "address": row["floating_ip_address"],
            "description": row.get("description") or "",
            "dns_name": row.get("dns_name") or "",
            "dns_domain": row.get("dns_domain") or "",
            "qos_policy": ref_or_none(ResourceKind.QOS_POLICY, row.get("qos_policy_id")),
            "port": ref_or_none(ResourceKind.PORT, row.get("port_id")),
            "fixed_ip_address": row.get("fixed_ip_address") if row.get("port_id") else None,
            "port_forwardings": sorted(map(_forwarding, row.get("port_forwardings") or []), key=str),
        }

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        body = {
            **picked(fields, "description", "dns_name", "dns_domain"),
            **renamed(
                fields, network="floating_network_id", address="floating_ip_address", qos_policy="qos_policy_id", port="port_id"
            ),
        }  # fmt: skip
        if body.get("port_id") and fields.get("fixed_ip_address"):
            body["fixed_ip_address"] = fields["fixed_ip_address"]
        return body

    def _forwardings(self, id: str) -> list[Row]:
        try:
            return self._http.rows("network", f"{self.path}/{id}/port_forwardings", "port_forwardings")
        except NotFoundError:
            return []

    def _forward(self, id: str, wanted: Sequence[Mapping[str, Any]]) -> None:
        missing = list(wanted)
        for row in self._forwardings(id):
            there = plain(_forwarding(row))
            if there in missing:
                missing.remove(there)
            else:
                self._http.delete("network", f"{self.path}/{id}/port_forwardings/{row['id']}")
        for each in missing:
            self._write(
                "POST", f"{self.path}/{id}/port_forwardings", {"port_forwarding": _forwarding_body(each)}
            )


def _forwarding(row: Row) -> dict[str, Any]:
    return {
        "protocol": row["protocol"],
        "external_ports": _ports(row, "external_port"),
        "internal_ports": _ports(row, "internal_port"),
        "internal_ip_address": row["internal_ip_address"],
        "internal_port": ref(ResourceKind.PORT, row["internal_port_id"]),
        "description": row.get("description") or "",
    }


def _ports(row: Row, name: str) -> str:
    """`80`, or `80:90` for a range, which Neutron tells since Wallaby (`80:80` for a single one)."""
    first, _, last = str(row.get(f"{name}_range") or row[name]).partition(":")
    return first if last in ("", first) else f"{first}:{last}"


def _forwarding_body(each: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "protocol": each["protocol"],
        "internal_port_id": each["internal_port"],
        "description": each["description"],
    }
    if each["internal_ip_address"]:
        body["internal_ip_address"] = each["internal_ip_address"]
    for side in ("external_port", "internal_port"):
        ports = str(each[f"{side}s"])
        if ":" in ports:
            body[f"{side}_range"] = ports
        else:
            body[side] = int(ports)
    return body
