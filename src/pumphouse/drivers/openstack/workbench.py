"""`ports.workbench.Workbench` on a real OpenStack cloud; the toolbox makes one per environment. The table of kinds is workbench_forms.py."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import CloudRefusedError, NotFoundError
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.identity import Identity
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.drivers.openstack.workbench_forms import FORMS, LISTS, Form
from pumphouse.ports.clock import Clock
from pumphouse.ports.workbench import Kind, Listing, Thing, Workbench

LEAST_ROLES: Final = ("reader", "member", "_member_")
"""What a user may be given to log in with: the weakest first. Old clouds have only the last."""


class OpenStackWorkbench(Workbench):
    """Small things in one cloud, in the project of our credentials."""

    def __init__(
        self, environment: str, settings: CloudSettings, clock: Clock, identity: Identity | None = None
    ) -> None:
        self.environment = environment
        self._settings = settings
        self._clock = clock
        self._http = Transport(environment, settings, clock, identity)

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    @override
    def offers(self, listing: Listing) -> bool:
        wanted = {LISTS[listing].service, *LISTS[listing].also_called}
        aliases = {"volumev3": "block-storage", "volume": "block-storage"}
        return any(aliases.get(entry["type"], entry["type"]) in wanted for entry in self._http.catalog())

    @override
    def count(self, listing: Listing) -> int:
        form = LISTS[listing]
        body = self._http.get(form.service, form.path, params=form.params, microversion=form.microversion)
        if not form.many:
            return len(body)
        return len(body[form.many])

    @override
    def create(self, kind: Kind, name: str, spec: Mapping[str, Any]) -> str:
        form = FORMS[kind]
        row = {form.name_key: name, **spec}
        if kind is Kind.USER:
            row.setdefault("default_project_id", self._http.project_id())
        body = row if form.flat else {form.one: row}
        answer = self._http.write(form.service, "POST", form.path, json=body, microversion=form.microversion)
        made: dict[str, Any] = answer if form.flat else answer[form.one]
        return str(made[form.id_key])

    @override
    def look(self, kind: Kind, id: str) -> Thing | None:
        form = FORMS[kind]
        try:
            body = self._http.get(form.service, f"{form.path}/{id}", microversion=form.microversion)
        except NotFoundError:
            return None
        return _thing(kind, form, body if form.flat else body[form.one])

    @override
    def find(self, kind: Kind, prefix: str) -> Sequence[Thing]:
        form = FORMS[kind]
        rows = self._http.rows(
            form.service, form.path, form.many, params=form.params, microversion=form.microversion
        )
        # keypairs come wrapped one by one
        things = [_thing(kind, form, row.get(form.one, row) if kind is Kind.KEYPAIR else row) for row in rows]
        return [thing for thing in things if thing.name.startswith(prefix)]

    @override
    def delete(self, kind: Kind, id: str) -> None:
        if kind is Kind.ROUTER:
            self._unplug_all(id)
        form = FORMS[kind]
        self._http.delete(form.service, f"{form.path}/{id}", microversion=form.microversion)

    @override
    def upload(self, image_id: str, content: bytes) -> None:
        self._http.write("image", "PUT", f"/images/{image_id}/file", data=content)

    @override
    def tag_image(self, image_id: str, tag: str) -> None:
        self._http.write("image", "PUT", f"/images/{image_id}/tags/{tag}")

    @override
    def plug(self, router_id: str, subnet_id: str) -> None:
        self._http.write(
            "network", "PUT", f"/routers/{router_id}/add_router_interface", json={"subnet_id": subnet_id}
        )

    @override
    def external_network(self) -> str | None:
        rows = self._http.rows("network", "/networks", "networks", params={"router:external": "true"})
        return next((str(row["id"]) for row in rows if row.get("subnets")), None)

    @override
    def port_of(self, server_id: str) -> str | None:
        rows = self._http.rows("network", "/ports", "ports", params={"device_id": server_id})
        return next((str(row["id"]) for row in rows), None)

    @override
    def attach(self, server_id: str, volume_id: str) -> None:
        path = f"/servers/{server_id}/os-volume_attachments"
        body = {"volumeAttachment": {"volumeId": volume_id}}
        self._http.write("compute", "POST", path, json=body, microversion="2.1")

    @override
    def detach(self, server_id: str, volume_id: str) -> None:
        self._http.delete(
            "compute", f"/servers/{server_id}/os-volume_attachments/{volume_id}", microversion="2.1"
        )

    @override
    def snapshot_server(self, server_id: str, name: str) -> str:
        body = {"createImage": {"name": name}}
        version = FORMS[Kind.SERVER].microversion
        answer = self._http.write(
            "compute", "POST", f"/servers/{server_id}/action", json=body, microversion=version
        )
        return str(answer["image_id"])

    @override
    def allow(self, user_id: str) -> None:
        roles = {row["name"]: row["id"] for row in self._http.rows("identity", "/roles", "roles")}
        role = next((roles[name] for name in LEAST_ROLES if name in roles), None)
        if role is None:
            raise CloudRefusedError(
                f"{self.environment} keystone: none of the roles {', '.join(LEAST_ROLES)} exists",
                hint="create the role reader: openstack role create reader",
            )
        path = f"/projects/{self._http.project_id()}/users/{user_id}/roles/{role}"
        self._http.write("identity", "PUT", path)

    @override
    def log_in(self, user: str, password: str) -> None:
        auth = {
            "auth_url": self._settings.auth["auth_url"],
            "username": user,
            "user_domain_id": "default",
            "password": password,
            "project_id": self._http.project_id(),
        }
        settings = replace(self._settings, auth_type="v3password", auth=auth)
        theirs = Transport(self.environment, settings, self._clock)
        try:
            theirs.project_id()
        finally:
            theirs.close()

    def _unplug_all(self, router_id: str) -> None:
        params = {"device_id": router_id, "device_owner": "network:router_interface"}
        for row in self._http.rows("network", "/ports", "ports", params=params):
            path = f"/routers/{router_id}/remove_router_interface"
            self._http.write("network", "PUT", path, json={"port_id": row["id"]})


def _thing(kind: Kind, form: Form, row: Mapping[str, Any]) -> Thing:
    return Thing(
        kind=kind,
        id=str(row[form.id_key]),
        name=str(row.get(form.name_key) or ""),
        status=str(row.get("status") or "").upper(),
        details=row,
    )
