"""Trunks: a port that carries others by VLAN tags; table.py opens it.

Fields:
    description: str
    admin_state_up: bool
    port: ref port
    sub_ports: [{"port": ref port, "segmentation_type": str, "segmentation_id": int}], sorted
    tags: [str], sorted
Neutron lets a trunk be made only while its port is not bound (validate in neutron/services/trunk/rules.py), that is before the server. Notes: status, created_at,
updated_at, revision_number.
"""

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from pumphouse.domain.resource import ResourceKind, plain, ref
from pumphouse.drivers.openstack.resources.neutron_kind import NeutronKind, Row, picked, renamed


class Trunks(NeutronKind):
    """Trunks with their subports."""

    kind = ResourceKind.TRUNK
    path, one, many = "/trunks", "trunk", "trunks"
    fixed = frozenset({"port_id", "sub_ports"})
    noted = ("status",)

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        """Subports have actions of their own."""
        super().update(id, fields)
        if "sub_ports" not in fields:
            return
        row = self._http.get("network", f"{self.path}/{id}")[self.one]
        there, wanted = plain(self._fields(row))["sub_ports"], plain(fields["sub_ports"])
        # an id can be taken again only after it was given back
        gone = [{"port_id": each["port"]} for each in there if each not in wanted]
        new = [_sub_port(each) for each in wanted if each not in there]
        for action, ports in (("remove_subports", gone), ("add_subports", new)):
            if ports:
                self._write("PUT", f"{self.path}/{id}/{action}", {"sub_ports": ports})

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        subs = [
            {
                "port": ref(ResourceKind.PORT, each["port_id"]),
                "segmentation_type": each["segmentation_type"],
                "segmentation_id": each["segmentation_id"],
            }
            for each in row.get("sub_ports") or []
        ]
        return {
            "description": row.get("description") or "",
            "admin_state_up": bool(row["admin_state_up"]),
            "port": ref(ResourceKind.PORT, row["port_id"]),
            "sub_ports": sorted(subs, key=lambda each: (each["segmentation_type"], each["segmentation_id"])),
        }

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        body = {**picked(fields, "description", "admin_state_up"), **renamed(fields, port="port_id")}
        if "sub_ports" in fields:
            body["sub_ports"] = [_sub_port(each) for each in fields["sub_ports"]]
        return body


def _sub_port(each: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "port_id": each["port"],
        "segmentation_type": each["segmentation_type"],
        "segmentation_id": each["segmentation_id"],
    }
