"""What a member of a tenant tries when a fence is proven: the table of actions that prober.py works through.

Every row was tried on the services of 2023.1 and 2026.2, as an ordinary member and as one who has only `reader` (tests/lab/test_prober.py
does it again): the policy is asked before the request fails, so that 403 is the fence and anything else is not. `why` says what
a member was answered on both, and so why nothing happens when the fence has a hole. Not in the table, because no such request was found:

* keypairs (they belong to the user), console log (a read that `reader` may not do by default, fence or no fence);
* snapshot image of a server: no lock holds it, it may pause the guest, and its only late refusal (too many properties) is a 403 too;
* deleting floating IPs, and whatever would rest on `If-Match: revision_number`: Neutron 2026.2 ignores it for subnets;
* deleting volume metadata, image members, application credentials, or anything by an id that names nothing, and volumes from an image,
  snapshot or type that does not exist: they are looked up before the policy is asked (404, 400 for everybody).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_PLACE = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)?)\}")
_FREE = frozenset({"mark", "nowhere", "tenant", "user"})
"""Known without looking: the mark, a uuid that names nothing, the tenant, the member's own id."""

JSON_PATCH: Final = "application/openstack-images-v2.1-json-patch"


@dataclass(frozen=True, slots=True)
class Action:
    """One request. `{server}` stands for the id of a target, `{server.name}` for what its attribute is now, `{mark}`, `{nowhere}`, `{tenant}`
    and `{user}` for what they say.

    `traces`: it makes (or unmakes) something when it is let through; that carries the mark. `locked`: tried only on a server that is locked by
    the administrator. Of several rows of the same name the first is used whose targets are there.
    """

    service: str
    name: str
    method: str
    path: str
    body: Any = None
    why: str = ""
    microversion: str = ""
    content_type: str = ""
    traces: bool = False
    locked: bool = False

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    def places(self) -> frozenset[str]:
        """The targets and attributes that it needs."""
        return frozenset(_places(self.path)) | frozenset(_places(self.body))

    def needs(self) -> frozenset[str]:
        """The kinds of targets that it needs."""
        return frozenset(place.partition(".")[0] for place in self.places()) - _FREE


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """A path or body with its places filled; a place that stands alone keeps the type of its value."""
    match template:
        case str():
            alone = _PLACE.fullmatch(template)
            if alone:
                return values[alone[1]]
            return _PLACE.sub(lambda found: str(values[found[1]]), template)
        case dict():
            return {filled(key, values): filled(value, values) for key, value in template.items()}
        case list():
            return [filled(value, values) for value in template]
        case _:
            return template


def _places(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield from _PLACE.findall(template)
        return
    parts = [*template, *template.values()] if isinstance(template, dict) else template
    for part in parts if isinstance(parts, list) else ():
        yield from _places(part)


def _nova(
    name: str, method: str, path: str, body: Any = None, why: str = "", *, locked: bool = False
) -> Action:
    # 2.64 for the rules of server groups; every cloud that we know has it
    return Action("nova", name, method, path, body, why, microversion="2.64", locked=locked)


def _locked(name: str, action: str, content: Any = None) -> Action:
    why = (
        "409: an administrator's lock is looked at before anything else, and only an administrator passes it"
    )
    return _nova(name, "POST", "/servers/{server}/action", {action: content}, why, locked=True)


def _neutron(name: str, method: str, path: str, body: Any, why: str, *, traces: bool = False) -> Action:
    return Action("neutron", name, method, path, body, why, traces=traces)


def _cinder(name: str, method: str, path: str, body: Any, why: str, *, traces: bool = False) -> Action:
    # 3.0: since 3.66 a volume in use is snapshotted without being forced to
    return Action("cinder", name, method, path, body, why, microversion="3.0", traces=traces)


def _reads() -> Iterator[Action]:
    lists = {
        "nova": ("servers", "flavors"),
        "neutron": ("networks", "subnets", "routers", "ports", "security-groups", "floatingips"),
        "cinder": ("volumes", "snapshots"),
        "glance": ("images",),
    }
    shows = {
        "nova": {"server": "/servers/{server}"},
        "neutron": {
            "network": "/networks/{network}",
            "subnet": "/subnets/{subnet}",
            "router": "/routers/{router}",
            "port": "/ports/{port}",
            "security group": "/security-groups/{security_group}",
            "floating IP": "/floatingips/{floating_ip}",
        },
        "cinder": {"volume": "/volumes/{volume}"},
        "glance": {"image": "/images/{image}"},
        "keystone": {"own project": "/projects/{tenant}"},
    }
    names = {"security-groups": "security groups", "floatingips": "floating IPs"}
    for service, paths in lists.items():
        for path in paths:
            yield Action(service, f"list {names.get(path, path)}", "GET", f"/{path}?limit=1")
    for service, by_kind in shows.items():
        for kind, path in by_kind.items():
            yield Action(service, f"show {kind}", "GET", path)


_NO_OP = "200: the value that it has already"

ACTIONS: Final[tuple[Action, ...]] = (
    *_reads(),
    # -- nova
    _nova(
        "create server", "POST", "/servers",
        {"server": {"name": "{mark}", "flavorRef": "{nowhere}", "imageRef": "{nowhere}", "networks": "none"}},
        "400: no such flavor",
    ),
    _nova("delete server", "DELETE", "/servers/{server}", None, "409: locked", locked=True),
    _locked("suspend server", "suspend"),
    _locked("pause server", "pause"),
    _locked("stop server", "os-stop"),
    _locked("start server", "os-start"),
    _locked("reboot server", "reboot", {"type": "SOFT"}),
    _locked("shelve server", "shelve"),
    _nova(
        "resize server", "POST", "/servers/{server}/action", {"resize": {"flavorRef": "{nowhere}"}},
        "400: no such flavor; 409 where it is locked or in another state",
    ),
    _nova(
        "rebuild server", "POST", "/servers/{server}/action", {"rebuild": {"imageRef": "{nowhere}"}},
        "400: no such image; 409 where it is locked or in another state",
    ),
    _nova("rename server", "PUT", "/servers/{server}", {"server": {"name": "{server.name}"}}, _NO_OP),
    _nova(
        "set server metadata", "POST", "/servers/{server}/metadata", {"metadata": {"{mark}": "x"}}, "409: locked",
        locked=True,
    ),
    _nova("delete server metadata", "DELETE", "/servers/{server}/metadata/{mark}", None, "404: no such key"),
    _nova("delete server tag", "DELETE", "/servers/{server}/tags/{mark}", None, "404: no such tag (409 in another state)"),
    _nova(
        "attach volume", "POST", "/servers/{server}/os-volume_attachments",
        {"volumeAttachment": {"volumeId": "{nowhere}"}}, "404: no such volume; 409 where it is locked",
    ),
    _nova(
        "attach interface", "POST", "/servers/{server}/os-interface", {"interfaceAttachment": {"port_id": "{nowhere}"}},
        "404: no such port; 409 where it is locked",
    ),
    _nova(
        "add security group to server", "POST", "/servers/{server}/action", {"addSecurityGroup": {"name": "{nowhere}"}},
        "404: no such group",
    ),
    _nova(
        "create server group", "POST", "/os-server-groups",
        {"server_group": {"name": "{mark}", "policy": "affinity", "rules": {"max_server_per_host": 1}}},
        "400: rules go with anti-affinity only",
    ),
    # -- neutron
    _neutron(
        "create network", "POST", "/networks", {"network": {"name": "{mark}", "availability_zone_hints": ["{mark}"]}},
        "404: no such zone; in the transaction that makes it",
    ),
    _neutron("update network", "PUT", "/networks/{network}", {"network": {"name": "{network.name}"}}, _NO_OP),
    _neutron("delete network", "DELETE", "/networks/{network_in_use}", None, "409: it holds the port of a router or server"),
    _neutron(
        "create subnet", "POST", "/subnets",
        {"subnet": {"name": "{mark}", "network_id": "{network}", "ip_version": 6, "cidr": "192.0.2.0/24"}},
        "400: not an IPv6 range",
    ),
    _neutron(
        "create subnet", "POST", "/subnets",
        {"subnet": {"name": "{mark}", "network_id": "{nowhere}", "ip_version": 6, "cidr": "192.0.2.0/24"}},
        "404: no such network",
    ),
    _neutron("update subnet", "PUT", "/subnets/{subnet}", {"subnet": {"name": "{subnet.name}"}}, _NO_OP),
    _neutron("delete subnet", "DELETE", "/subnets/{subnet_in_use}", None, "409: a router or server has an address in it"),
    _neutron(
        "create router", "POST", "/routers", {"router": {"name": "{mark}", "availability_zone_hints": ["{mark}"]}},
        "404: no such zone",
    ),
    _neutron("update router", "PUT", "/routers/{router}", {"router": {"name": "{router.name}"}}, _NO_OP),
    _neutron("delete router", "DELETE", "/routers/{router_in_use}", None, "409: it has an interface"),
    _neutron(
        "add router interface", "PUT", "/routers/{router}/add_router_interface", {"subnet_id": "{nowhere}"},
        "404: no such subnet",
    ),
    _neutron(
        "remove router interface", "PUT", "/routers/{router}/remove_router_interface", {"subnet_id": "{nowhere}"},
        "404: no such subnet",
    ),
    _neutron(
        "create port", "POST", "/ports",
        {"port": {"name": "{mark}", "network_id": "{network}", "security_groups": ["{nowhere}"]}},
        "404: no such security group",
    ),
    _neutron("update port", "PUT", "/ports/{port}", {"port": {"name": "{port.name}"}}, _NO_OP),
    _neutron("delete port", "DELETE", "/ports/{router_port}", None, "409: a router's port goes with its interface only"),
    _neutron(
        "create security group", "POST", "/security-groups", {"security_group": {"name": "{mark}"}},
        "201: whatever would be refused (`default`) is refused before the policy is asked", traces=True,
    ),
    _neutron(
        "update security group", "PUT", "/security-groups/{security_group}",
        {"security_group": {"description": "{security_group.description}"}}, _NO_OP,
    ),
    _neutron(
        "delete security group", "DELETE", "/security-groups/{default_security_group}", None,
        "409: the tenant's `default` group is deleted by administrators only",
    ),
    _neutron(
        "create security group rule", "POST", "/security-group-rules",
        {"security_group_rule": {"security_group_id": "{security_group}", "direction": "ingress", "ethertype": "IPv4",
                                 "protocol": "tcp", "port_range_min": 2, "port_range_max": 1}},
        "400: the last port is before the first",
    ),
    _neutron(
        "create floating IP", "POST", "/floatingips",
        {"floatingip": {"floating_network_id": "{nowhere}", "description": "{mark}"}}, "404: no such network",
    ),
    _neutron(
        "update floating IP", "PUT", "/floatingips/{floating_ip}",
        {"floatingip": {"description": "{floating_ip.description}"}}, _NO_OP,
    ),
    # -- cinder
    _cinder(
        "create volume", "POST", "/volumes", {"volume": {"name": "{mark}", "size": 1, "availability_zone": "{mark}"}},
        "400: no such zone; made where allow_availability_zone_fallback is set, hence the mark",
    ),
    _cinder("update volume", "PUT", "/volumes/{volume}", {"volume": {"name": "{volume.name}"}}, _NO_OP),
    _cinder("set volume metadata", "POST", "/volumes/{volume}/metadata", {"metadata": {}}, "200: nothing is set"),
    _cinder(
        "extend volume", "POST", "/volumes/{volume}/action", {"os-extend": {"new_size": "{volume.size}"}},
        "400: the new size must be larger",
    ),
    _cinder("delete volume", "DELETE", "/volumes/{volume_in_use}", None, "400: it is attached, or has a snapshot"),
    _cinder(
        "create snapshot", "POST", "/snapshots", {"snapshot": {"volume_id": "{attached_volume}", "name": "{mark}"}},
        "400: it is attached, and the snapshot not forced",
    ),
    _cinder(
        "create snapshot", "POST", "/snapshots", {"snapshot": {"volume_id": "{volume}", "name": "{mark}"}},
        "202: nothing speaks against it", traces=True,
    ),
    # -- glance
    Action(
        "glance", "create image", "POST", "/images",
        {"id": "{visible_image}", "name": "{mark}", "disk_format": "raw", "container_format": "bare"},
        "409: an image has that id",
    ),
    Action(
        "glance", "create image", "POST", "/images",
        {"name": "{mark}", "disk_format": "raw", "container_format": "bare"},
        "201: nothing speaks against it; it has no data", traces=True,
    ),
    Action(
        "glance", "update image", "PATCH", "/images/{image}", [{"op": "remove", "path": "/{mark}"}],
        "409: no such property", content_type=JSON_PATCH,
    ),
    Action("glance", "delete image tag", "DELETE", "/images/{image}/tags/{mark}", None, "404: no such tag"),
    Action(
        "glance", "delete image", "DELETE", "/images/{bait_image}", None,
        "204: an image without data that the administrator makes for it, with the mark", traces=True,
    ),
    # -- keystone: roles do not deny it, as any role makes credentials with itself; only a policy does
    Action(
        "keystone", "create application credential", "POST", "/users/{user}/application_credentials",
        {"application_credential": {"name": "{mark}", "roles": [{"id": "{nowhere}"}]}},
        "400: no such role",
    ),
)  # fmt: skip


def chosen(
    available: frozenset[str] | set[str], *, services: frozenset[str], traces: bool
) -> Iterator[tuple[Action, frozenset[str]]]:
    """For each action of these services the row to use, and the kinds of targets that it lacks (none: it can be tried)."""
    by_name: dict[tuple[str, str], list[Action]] = {}
    for action in ACTIONS:
        if action.service in services and (traces or not action.traces):
            by_name.setdefault((action.service, action.name), []).append(action)
    for rows in by_name.values():
        fit = next((row for row in rows if row.needs() <= available), rows[0])
        yield fit, fit.needs() - available
