"""Turns what Nova, Neutron and Cinder say of servers into resources; server.py calls it.

A server's row does not tell all: its flavor's id is only in rows of 2.46 and older, its group only in the list of groups, the order of its interfaces only in
its `addresses`, and the device names of its volumes only in Cinder. A tenant is read with one request per page of each of these lists, whatever its size.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.fence import LOCK_REASONS
from pumphouse.domain.resource import Resource, ResourceKind, ref, ref_or_none
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.transport import Params, Rows, Transport

READ: Final = "2.100"
"""2.9 locked, 2.19 description, 2.26 tags, 2.63 certificates, 2.73 reason of the lock, 2.96 pinned zone, 2.100 scheduler hints."""
WITH_FLAVOR_ID: Final = "2.46"
"""From 2.47 on the flavor is embedded without its id (nova/api/openstack/compute/views/servers.py, _get_flavor)."""
_PAGE: Final = 500
_ATTACHED: Final = "os-extended-volumes:volumes_attached"
_DEFAULT_ZONE: Final = "nova"
_GROUP_HINT: Final = "group"
_BOUND_HINTS: Final = frozenset(
    {"same_host", "different_host", "build_near_host_ip", "cidr", "target_cell", "different_cell"}
)
"""They name servers, addresses and cells of the cloud that they were said to (nova/api/openstack/compute/schemas/servers.py)."""
_MOVABLE: Final = frozenset({"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED"})


@dataclass(slots=True)
class Around:
    """What belongs to servers and is told elsewhere; by server id."""

    flavors: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    ports: dict[str, Rows] = field(default_factory=dict)
    volumes: dict[str, dict[str, str]] = field(default_factory=dict)
    """volume id -> device"""
    keypairs: set[tuple[str, str]] = field(default_factory=set)
    """(user id, name) of those that still exist"""


class ServerReading:
    """Reads the servers of one cloud."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def of_tenant(self, tenant_id: str) -> list[Resource]:
        """All of a tenant."""
        of: Params = {"all_tenants": "1", "project_id": tenant_id, "limit": _PAGE}
        rows = self._http.rows("compute", "/servers/detail", "servers", params=of, microversion=READ)
        if not rows:
            return []
        around = Around(groups=self._groups())
        around.flavors = _flavor_ids(
            self._http.rows("compute", "/servers/detail", "servers", params=of, microversion=WITH_FLAVOR_ID)
        )
        _add_ports(around, self._http.rows("network", "/ports", "ports", params={"project_id": tenant_id}))
        if self._http.offers("block-storage"):
            volumes = {"all_tenants": "1", "project_id": tenant_id}
            for row in self._http.rows("block-storage", "/volumes/detail", "volumes", params=volumes):
                for attachment in row.get("attachments") or ():
                    server = str(attachment.get("server_id") or "")
                    around.volumes.setdefault(server, {})[str(row["id"])] = str(
                        attachment.get("device") or ""
                    )
        for row in rows:
            self._complete_ports(around, row)
            self._complete_volumes(around, row)
        self._add_keypairs(around, rows)
        return [to_resource(row, around) for row in rows]

    def one(self, id: str) -> Resource | None:
        """One, freshly read, with four to six small requests; None when it is gone."""
        row = self.row(id)
        if row is None:
            return None
        try:
            named = self._http.get("compute", f"/servers/{id}", microversion=WITH_FLAVOR_ID)["server"]
        except NotFoundError:
            return None
        around = Around(flavors=_flavor_ids([named]), groups=self._groups())
        _add_ports(around, self._http.rows("network", "/ports", "ports", params={"device_id": id}))
        self._complete_volumes(around, row)
        self._add_keypairs(around, [row])
        return to_resource(row, around)

    def row(self, id: str) -> dict[str, Any] | None:
        """Nova's row of one; None when it is gone."""
        try:
            found: dict[str, Any] = self._http.get("compute", f"/servers/{id}", microversion=READ)["server"]
        except NotFoundError:
            return None
        return None if found.get("status") in ("DELETED", "SOFT_DELETED") else found

    def _groups(self) -> dict[str, str]:
        """Server -> group. The list is paged by offset, without links; a server's own row tells its group only when it is shown alone (2.71)."""
        found: dict[str, str] = {}
        offset = 0
        while True:
            params: Params = {"all_projects": "True", "limit": 1000, "offset": offset}
            rows = self._http.get("compute", "/os-server-groups", params=params, microversion="2.64")[
                "server_groups"
            ]
            for row in rows:
                found.update(dict.fromkeys(map(str, row.get("members") or ()), str(row["id"])))
            if not rows:
                return found
            offset += len(rows)

    def _complete_ports(self, around: Around, row: Mapping[str, Any]) -> None:
        """A port that an administrator has made in another project is asked for by its server."""
        known = {str(port["mac_address"]).lower() for port in around.ports.get(row["id"], ())}
        if not {mac for mac, _ in _interfaces(row)} <= known:
            around.ports.pop(row["id"], None)
            _add_ports(around, self._http.rows("network", "/ports", "ports", params={"device_id": row["id"]}))

    def _complete_volumes(self, around: Around, row: Mapping[str, Any]) -> None:
        """While a server is shelved Cinder does not know the devices of its volumes; Nova does, server by server."""
        known = around.volumes.get(row["id"], {})
        if all(known.get(str(each["id"])) for each in row.get(_ATTACHED) or ()):
            return
        try:
            path = f"/servers/{row['id']}/os-volume_attachments"
            attached = self._http.get("compute", path, microversion="2.79")["volumeAttachments"]
        except NotFoundError:
            return
        around.volumes[row["id"]] = {
            str(each["volumeId"]): str(each.get("device") or "") for each in attached
        }

    def _add_keypairs(self, around: Around, rows: Iterable[Mapping[str, Any]]) -> None:
        """One list for each user that has made a server with a key."""
        for user in sorted({str(row["user_id"]) for row in rows if row.get("key_name")}):
            params = {"user_id": user}
            listed = self._http.get("compute", "/os-keypairs", params=params, microversion="2.10")["keypairs"]
            around.keypairs |= {(user, str(each["keypair"]["name"])) for each in listed}


def to_resource(row: Mapping[str, Any], around: Around) -> Resource:
    """A server; the fields are described in server.py."""
    own = str(row["id"])
    ports = _in_order(row, around.ports.get(own, []))
    volumes = _volumes(row, around)
    image_id = str((row.get("image") or {}).get("id") or "")
    root = "" if image_id else _root(row, volumes)
    locked = bool(row.get("locked")) and row.get("locked_reason") not in LOCK_REASONS
    user, key = str(row.get("user_id") or ""), str(row.get("key_name") or "")
    has_key = (user, key) in around.keypairs
    fields = {
        "description": row.get("description") or "",
        "hostname": row.get("OS-EXT-SRV-ATTR:hostname") or "",
        "flavor": ref_or_none(ResourceKind.FLAVOR, around.flavors.get(own)),
        "image": ref_or_none(ResourceKind.IMAGE, image_id),
        "config_drive": row.get("config_drive") in ("True", "true", True),
        "user_data": row.get("OS-EXT-SRV-ATTR:user_data") or "",
        "metadata": dict(sorted((row.get("metadata") or {}).items())),
        "tags": sorted(row.get("tags") or ()),
        "key_name": key,
        "keypair": ref(ResourceKind.KEYPAIR, f"{user}/{key}") if has_key else None,
        "server_group": ref_or_none(ResourceKind.SERVER_GROUP, around.groups.get(own)),
        "hints": {
            name: value
            for name, value in _hints(row).items()
            if name not in _BOUND_HINTS and name != _GROUP_HINT
        },
        "zone": _zone(row),
        "disk_config": row.get("OS-DCF:diskConfig") or "MANUAL",
        "access_ipv4": row.get("accessIPv4") or "",
        "access_ipv6": row.get("accessIPv6") or "",
        "locked": locked,
        "locked_reason": str(row.get("locked_reason") or "") if locked else "",
        "ports": [ref(ResourceKind.PORT, str(port["id"])) for port in ports],
        "volumes": [
            {
                "volume": ref(ResourceKind.VOLUME, volume),
                "root": volume == root,
                "delete_on_termination": dies,
            }
            for volume, _, dies in volumes
        ],
        "devices": [device for _, device, _ in volumes],
    }  # fmt: skip
    flavor = row.get("flavor") or {}
    return Resource(
        kind=ResourceKind.SERVER,
        id=own,
        name=str(row.get("name") or ""),
        fields=fields,
        notes=_notes(row, key if not has_key else ""),
        version=digest(
            {"name": row.get("name") or "", **{k: v for k, v in fields.items() if not k.startswith("locked")}}
        ),
        size_bytes=int(flavor.get("disk") or 0) * (1 << 30) if image_id else 0,
        owner=str(row.get("tenant_id") or ""),
    )


def _notes(row: Mapping[str, Any], lost_key: str) -> dict[str, Any]:
    status = str(row.get("status") or "UNKNOWN")
    remarks = []
    if status not in _MOVABLE:
        remarks.append(
            f"it is {status}, and only {', '.join(sorted(_MOVABLE))} can be moved: finish or mend what goes on with it"
        )
    if lost_key:
        remarks.append(
            f"its keypair {lost_key} no longer exists, and no API tells the public key that it was made with: the new server has none"
        )
    if bound := sorted(_BOUND_HINTS & _hints(row).keys()):
        remarks.append(
            f"its scheduler hints {', '.join(bound)} name things of this cloud and are not carried: it may come to stand elsewhere than they said"
        )
    if row.get("trusted_image_certificates"):
        remarks.append("it was booted with trusted image certificates, which are not carried")
    return {
        "status": status,
        "task": str(row.get("OS-EXT-STS:task_state") or ""),
        "user_id": str(row.get("user_id") or ""),
        "host": str(row.get("OS-EXT-SRV-ATTR:host") or ""),
        "created_at": str(row.get("created") or ""),
        "updated_at": str(row.get("updated") or ""),
        "flavor": dict(row.get("flavor") or {}),
        "root_device": str(row.get("OS-EXT-SRV-ATTR:root_device_name") or ""),
        "addresses": [
            str(address["addr"]) for rows in (row.get("addresses") or {}).values() for address in rows
        ],
        "fault": str((row.get("fault") or {}).get("message") or ""),
        "remarks": remarks,
    }


def _hints(row: Mapping[str, Any]) -> dict[str, list[str]]:
    """As Nova keeps them, but for those that it notes for itself; nothing where it does not tell (before 2.100)."""
    return {
        str(name): [str(each) for each in value]
        for name, value in sorted((row.get("scheduler_hints") or {}).items())
        if not str(name).startswith("_nova")
    }


def _flavor_ids(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {str(row["id"]): str((row.get("flavor") or {}).get("id") or "") for row in rows}


def _add_ports(around: Around, rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        if row.get("device_id") and str(row.get("device_owner") or "").startswith("compute:"):
            around.ports.setdefault(str(row["device_id"]), []).append(row)


def _interfaces(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(MAC, network's name) in the order of Nova's own record of the interfaces; those without a fixed address are not in it."""
    found: dict[str, str] = {}
    for network, addresses in (row.get("addresses") or {}).items():
        for address in addresses:
            mac = str(address.get("OS-EXT-IPS-MAC:mac_addr") or "").lower()
            if mac:
                found.setdefault(mac, str(network))
    return list(found.items())


def _in_order(row: Mapping[str, Any], ports: Rows) -> Rows:
    """In the order of the interfaces; ports without an address come last, the oldest first."""
    order = {mac: number for number, (mac, _) in enumerate(_interfaces(row))}
    return sorted(
        ports,
        key=lambda port: (
            order.get(str(port["mac_address"]).lower(), len(order)),
            str(port.get("created_at") or ""),
            str(port["id"]),
        ),
    )


def _volumes(row: Mapping[str, Any], around: Around) -> Sequence[tuple[str, str, bool]]:
    """(volume, device, whether it dies with the server), by device: longer names behind shorter ones (`vdz` before `vdaa`)."""
    devices = around.volumes.get(str(row["id"]), {})
    found = [
        (str(each["id"]), devices.get(str(each["id"]), ""), bool(each.get("delete_on_termination")))
        for each in row.get(_ATTACHED) or ()
    ]
    return sorted(found, key=lambda each: (len(each[1]), each[1], each[0]))


def _root(row: Mapping[str, Any], volumes: Sequence[tuple[str, str, bool]]) -> str:
    """The volume that a server without an image is booted from; the first device where Nova's name of the root device is none of them."""
    named = [volume for volume, device, _ in volumes if device == row.get("OS-EXT-SRV-ATTR:root_device_name")]
    return next(iter(named or [volume for volume, _, _ in volumes]), "")


def _zone(row: Mapping[str, Any]) -> dict[str, str] | None:
    """The zone that was asked for. Older clouds tell only where the server is: then a zone of the operator's own counts as asked for, the default one as not."""
    if "pinned_availability_zone" in row:
        pinned = str(row["pinned_availability_zone"] or "")
    else:
        here = str(row.get("OS-EXT-AZ:availability_zone") or "")
        pinned = "" if here == _DEFAULT_ZONE else here
    return ref(ResourceKind.ZONE, f"compute/{pinned}") if pinned else None
