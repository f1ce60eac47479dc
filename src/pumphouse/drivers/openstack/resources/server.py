"""The kind `server`: servers with their interfaces, volumes and everything that Nova lets be said when one is made. table.py names it.

Fields:

* `description`, `hostname`, `user_data` (base64), `access_ipv4`, `access_ipv6`: text, "" for none. `disk_config`: AUTO or MANUAL.
* `flavor`: reference to a flavor, by the id that Nova shows up to 2.46. `image`: reference to an image; None for one that was booted from a volume.
* `config_drive`: true or false. `metadata`: name -> value. `tags`: sorted list.
* `key_name`: "" without; `keypair`: reference to that key of the server's user (USER_ID/NAME), None without, or when it no longer exists. Only the name can be
  compared afterwards: what we make has our own user. `server_group`: reference or None.
* `hints`: scheduler hint -> list of texts, without the group's and without those that name things of their cloud; {} from clouds before 2.100, which tell none.
* `zone`: reference to a zone (compute/NAME) when one was asked for; clouds before 2.96 tell only where it is, see server_reading.py.
* `locked`, `locked_reason`: a lock that the tenant or its operator has set; those of our own fence do not count.
* `ports`: references in the order of the interfaces. Security groups belong to the ports.
* `volumes`: by device: `{"volume": reference, "root": whether it is booted from, "delete_on_termination": true or false}`; `devices`: their names, in the same order.

Ephemeral and swap disks come from the flavor: their sizes are in no answer of Nova's. Their data are gone when the server is made anew. Tags of
interfaces and of volumes are told only server by server, and not carried. Notes: `status`, `task`, `user_id` (always our own user in what we make: docs/decisions/0004),
`host`, `created_at`, `updated_at`, `flavor` (as embedded), `root_device`, `addresses`, `fault`, `remarks`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.server_images import ServerImages
from pumphouse.drivers.openstack.resources.server_keys import LentKeys
from pumphouse.drivers.openstack.resources.server_reading import ServerReading
from pumphouse.drivers.openstack.resources.several import several
from pumphouse.drivers.openstack.resources.waiting import until
from pumphouse.ports.cutover import Act, Cutover, ImageNow, ServerNow

_CREATE: Final = "2.94"
"""2.37 networks: none, 2.52 tags, 2.90 host name, 2.94 host name with dots (nova/api/openstack/compute/schemas/servers.py)."""
_HOSTNAME: Final = "2.90"
_KEEP_VOLUMES: Final = "2.85"
_GONE_S: Final = 300.0


class ServerDriver(Cutover):
    """Servers of one cloud. Safe for use by many threads."""

    kind = ResourceKind.SERVER

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._http = reach.http
        self._reading = ServerReading(reach.http)
        self._images = ServerImages(reach.http)
        self._keys = LentKeys(reach.http)

    # -- as every kind

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        return self._reading.of_tenant(tenant_id)

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        return several(ids, self._reading.one, self._reading.of_tenant, self._http.gather)

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        names = {each.name for each in wanted}
        return [each for each in self._reading.of_tenant(tenant_id) if each.name in names]

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        """Ask for a server in the tenant; answers as soon as Nova knows it. Locks are not set here, but by `update`.

        Raises:
            ConflictError: it has no flavor or nothing to boot from, or its key cannot be lent.
        """
        wanted = plain(fields)
        _check(name, wanted)
        inside = self._reach.inside(tenant_id)
        body = _body(name, wanted, hostname=self._http.endpoint("compute").has(_HOSTNAME))
        if wanted["keypair"] is None:
            return _made(inside.write("compute", "POST", "/servers", json=body, microversion=_CREATE))
        with self._keys.lent(wanted["keypair"]) as key:
            body["server"]["key_name"] = key
            return _made(inside.write("compute", "POST", "/servers", json=body, microversion=_CREATE))

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        """Set tags, lock, metadata, description and access addresses; other fields are fixed when a server is made.

        Raises:
            ConflictError: one of the others is asked for.
        """
        fixed = sorted(set(fields) - _CHANGEABLE)
        if fixed:
            raise ConflictError(
                f"{', '.join(fixed)} of a server cannot be changed", hint="make the server anew"
            )
        if "tags" in fields:
            tags = {"tags": list(fields["tags"])}
            self._http.write("compute", "PUT", f"/servers/{id}/tags", json=tags, microversion="2.26")
        if "metadata" in fields:
            metadata = {"metadata": dict(fields["metadata"])}
            self._http.write("compute", "PUT", f"/servers/{id}/metadata", json=metadata, microversion="2.1")
        changed = {said: fields[name] for name, said in _SAID.items() if name in fields}
        if changed:
            self._http.write(
                "compute", "PUT", f"/servers/{id}", json={"server": changed}, microversion="2.19"
            )
        if {"locked", "locked_reason"} & set(fields):
            reason = fields.get("locked_reason") or ""
            lock = {"lock": {"locked_reason": reason} if reason else None}
            self._action(id, lock if fields.get("locked", True) else {"unlock": None}, "2.73")

    @override
    def delete(self, id: str) -> None:
        """Delete it at once (an ordinary deletion only marks it where `reclaim_instance_interval` is set) and wait until it is gone. Its ports and volumes
        stay: volumes that would die with it are let go first, where the cloud can (2.85).
        """
        row = self._reading.row(id)
        if row is None:
            return
        if self._http.endpoint("compute").has(_KEEP_VOLUMES):
            for volume in row.get("os-extended-volumes:volumes_attached") or ():
                if volume.get("delete_on_termination"):
                    self._keep_volume(id, str(volume["id"]))
        try:
            self._action(id, {"forceDelete": None}, "2.1")
        except NotFoundError:
            return
        until(
            self._reach.clock,
            f"server {id} to be gone",
            lambda: True if self._reading.row(id) is None else None,
            _GONE_S,
        )

    # -- for the cutover

    @override
    def now(self, id: str) -> ServerNow | None:
        row = self._reading.row(id)
        if row is None:
            return None
        fault = str((row.get("fault") or {}).get("message") or "")
        task = str(row.get("OS-EXT-STS:task_state") or "")
        return ServerNow(id, str(row.get("name") or ""), str(row.get("status") or "UNKNOWN"), task, fault)

    @override
    def act(self, id: str, act: Act) -> None:
        http = self._http
        if act is Act.SHELVE:
            # the image of its disk belongs to whose token asks: the tenant must own it, who will unshelve the server
            row = self._reading.row(id)
            http = self._reach.inside(str(row["tenant_id"])) if row is not None else http
        try:
            http.write("compute", "POST", f"/servers/{id}/action", json={act.value: None}, microversion="2.1")
        except BusyError:
            return

    @override
    def marked(self, tenant_id: str, tag: str) -> Sequence[str]:
        params = {"all_tenants": "1", "project_id": tenant_id, "tags": tag}
        rows = self._http.rows("compute", "/servers", "servers", params=params, microversion="2.26")
        return [str(row["id"]) for row in rows]

    @override
    def has_key(self, keypair_id: str) -> bool:
        return self._keys.has(keypair_id)

    @override
    def take_back_key(self, keypair_id: str) -> None:
        self._keys.take_back(keypair_id)

    @override
    def snapshot(self, id: str, name: str) -> str:
        # 2.45 answers with the image's id in the body
        answer = self._http.write(
            "compute",
            "POST",
            f"/servers/{id}/action",
            json={"createImage": {"name": name}},
            microversion="2.45",
        )
        return str(answer["image_id"])

    @override
    def shelved_image(self, id: str) -> str:
        return self._images.shelved(id)

    @override
    def image(self, id: str) -> ImageNow | None:
        return self._images.one(id)

    @override
    def images_named(self, name: str) -> Sequence[ImageNow]:
        return self._images.named(name)

    @override
    def image_properties(self, id: str) -> Mapping[str, Any]:
        return self._images.properties(id)

    @override
    def make_image(self, name: str, properties: Mapping[str, Any]) -> str:
        return self._images.make(name, plain(properties))

    @override
    def drop_image(self, id: str) -> None:
        self._images.drop(id)

    # -- inside

    def _keep_volume(self, id: str, volume_id: str) -> None:
        body = {"volumeAttachment": {"volumeId": volume_id, "delete_on_termination": False}}
        path = f"/servers/{id}/os-volume_attachments/{volume_id}"
        try:
            self._http.write("compute", "PUT", path, json=body, microversion=_KEEP_VOLUMES)
        except NotFoundError:  # detached, or the server is gone, since we looked
            return

    def _action(self, id: str, body: Mapping[str, Any], microversion: str) -> None:
        self._http.write("compute", "POST", f"/servers/{id}/action", json=body, microversion=microversion)


_SAID: Final = {"description": "description", "access_ipv4": "accessIPv4", "access_ipv6": "accessIPv6"}
_CHANGEABLE: Final = frozenset({"tags", "metadata", "locked", "locked_reason", *_SAID})


def _check(name: str, wanted: Mapping[str, Any]) -> None:
    if wanted["flavor"] is None:
        raise ConflictError(f"server {name} has no flavor", hint="see the findings about its flavor")
    if wanted["image"] is None and not any(volume["root"] for volume in wanted["volumes"]):
        raise ConflictError(
            f"server {name} has neither an image nor a volume to boot from",
            hint="see the findings about its image, or leave the server out",
        )


def _body(name: str, wanted: Mapping[str, Any], *, hostname: bool) -> dict[str, Any]:
    server = {
        "name": name,
        "flavorRef": wanted["flavor"],
        "networks": [{"port": port} for port in wanted["ports"]] or "none",
        "config_drive": wanted["config_drive"],
        "metadata": wanted["metadata"],
        "tags": wanted["tags"],
        "OS-DCF:diskConfig": wanted["disk_config"],
        "block_device_mapping_v2": _block_devices(wanted),
    }
    if wanted["image"] is not None:
        server["imageRef"] = wanted["image"]
    for field, said in (*_SAID.items(), ("user_data", "user_data")):
        if wanted[field]:
            server[said] = wanted[field]
    if hostname and wanted["hostname"]:
        server["hostname"] = wanted["hostname"]
    if wanted["zone"] is not None:
        server["availability_zone"] = wanted["zone"].partition("/")[2]
    body: dict[str, Any] = {"server": server}
    # a single value goes without its list: `query` is taken in no other way; a migration that was begun by an earlier version has none
    hints = {
        hint: values[0] if len(values) == 1 else values for hint, values in wanted.get("hints", {}).items()
    }
    if wanted["server_group"] is not None:
        hints["group"] = wanted["server_group"]
    if hints:
        body["os:scheduler_hints"] = hints
    return body


def _block_devices(wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Ephemeral and swap disks are added by Nova from the flavor when none is named (nova/compute/api.py, _get_flavor_defined_bdms)."""
    found: list[dict[str, Any]] = []
    if wanted["image"] is not None:
        image = {"source_type": "image", "destination_type": "local", "uuid": wanted["image"]}
        found.append({**image, "boot_index": 0, "delete_on_termination": True})
    for volume, device in zip(wanted["volumes"], wanted["devices"], strict=True):
        row = {
            "source_type": "volume",
            "destination_type": "volume",
            "uuid": volume["volume"],
            "boot_index": 0 if volume["root"] else -1,
            "delete_on_termination": volume["delete_on_termination"],
        }
        # libvirt names devices itself; the order makes its names
        found.append({**row, "device_name": device} if device else row)
    return found


def _made(answer: Mapping[str, Any]) -> str:
    return str(answer["server"]["id"])
