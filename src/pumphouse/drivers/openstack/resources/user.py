"""Users that hold roles in the tenant, themselves or through groups, found by name in their domain; and users that its things refer to (owners of keypairs).

Fields:
* `domain`: reference to a domain
* `external`: whether a directory keeps him (LDAP, federation): he is never made, and nothing of him is copied: the other fields then have their neutral values
* `email`, `description`: strings
* `enabled`: bool
* `default_project`: reference to the tenant's project, or None when his default is another or none
* `options`: name -> value of Keystone's user options that are set (`ignore_password_expiry`, `multi_factor_auth_enabled`, `multi_factor_auth_rules` ...; see
  keystone/identity/backends/resource_options.py: the seven are the same in 2023.1 and 2026.2)
* `groups`: references to the groups that hold roles in the tenant and that he is in, sorted. `update` adds and never takes away

His password is no field: no API shows it. A new user has none, so nobody can log in as him until it is set (ports/passwords.py). Multi-factor secrets are EC2-like
credentials of his (`totp`) and are listed with the credentials.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from typing_extensions import override

from pumphouse.domain.errors import CloudFaultError, ConflictError, NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref
from pumphouse.drivers.openstack.resources.keystone import OF_SQL, Row, by_id, change, make, removed
from pumphouse.drivers.openstack.resources.members import holders_on, members_by
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.tenant_projects import keystone_rows
from pumphouse.ports.passwords import SetsPassword
from pumphouse.ports.resources import HeldBy, Refers

OPTIONS: Final = (
    "ignore_change_password_upon_first_use", "ignore_password_expiry", "ignore_lockout_failure_attempts", "lock_password",
    "ignore_user_inactivity", "multi_factor_auth_rules", "multi_factor_auth_enabled",
)  # fmt: skip
_UNFORCED: Final = "ignore_change_password_upon_first_use"


class Users(Refers, HeldBy, SetsPassword):
    """Users of one Keystone."""

    kind = ResourceKind.USER

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        return self.held_by(tenant_id, holders_on(self._http, tenant_id))

    @override
    def held_by(self, tenant_id: str, holders: Sequence[str]) -> Sequence[Resource]:
        members = members_by(self._http, holders)
        return [
            _resource(row, members.groups_of.get(user_id, ()), default_project=tenant_id)
            for user_id, row in sorted(members.users.items())
        ]

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        """With all groups that they are in: one more request for each."""
        rows = by_id(self._http, "/users", "user", ids)
        groups = self._http.gather([partial(self._groups, row) for row in rows])
        return [
            _resource(row, of, default_project=str(row.get("default_project_id") or ""))
            for row, of in zip(rows, groups, strict=True)
        ]

    @override
    def referred(self, ids: Sequence[str]) -> Sequence[Resource]:
        """Without groups and default project: those are of other tenants."""
        return [_resource(row, (), default_project="") for row in by_id(self._http, "/users", "user", ids)]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        names = sorted({each.name for each in wanted})
        calls = [partial(keystone_rows, self._http, "/users", "users", {"name": each}) for each in names]
        found = [row for rows in self._http.gather(calls) for row in rows if str(row["name"]) in names]
        return self.named([str(row["id"]) for row in found])

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        given = plain(fields)
        if given["external"]:
            raise ConflictError(
                f"user {name} is kept by an external directory and is not visible in {self._http.environment}",
                hint="connect the destination's domain to the same directory, then plan again",
            )
        body = {
            "name": name,
            "domain_id": given["domain"],
            "enabled": given["enabled"],
            "options": given["options"],
            **{key: given[key] for key in ("email", "description") if given[key]},
            **({"default_project_id": given["default_project"]} if given["default_project"] else {}),
        }
        user_id = self._made(body)
        self._join(user_id, given["groups"])
        return user_id

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        given = plain(fields)
        if given.get("external"):
            return
        body = {name: given[name] for name in ("email", "description", "enabled") if name in given}
        if given.get("default_project"):
            body["default_project_id"] = given["default_project"]
        if given.get("options"):
            body["options"] = given["options"]
        change(self._http, _path(id), "user", body)
        self._join(id, given.get("groups") or ())

    @override
    def delete(self, id: str) -> None:
        """His credentials, keypairs and assignments go with him.

        Raises:
            ConflictError: a directory keeps him.
        """
        if len(id) != OF_SQL:
            raise ConflictError(f"user {id} is kept by a directory: he is not ours to delete")
        removed(self._http, _path(id))

    @override
    def set_password(self, id: str, password: str) -> None:
        change(self._http, _path(id), "user", {"password": password})

    def _made(self, body: Mapping[str, Any]) -> str:
        """A Keystone with `change_password_upon_first_use` breaks off (500) when it makes a user without a password, as it wants to let that expire
        (keystone/identity/backends/sql.py, create_user, both releases); not so for one with the option to ignore it, which is taken away again.
        """
        try:
            return str(make(self._http, "/users", "user", body)["id"])
        except CloudFaultError as fault:
            wanted = body["options"].get(_UNFORCED)
            if wanted:
                raise
            try:
                options = {**body["options"], _UNFORCED: True}
                user_id = str(make(self._http, "/users", "user", {**body, "options": options})["id"])
            except ConflictError:  # it was made, and only the answer was lost
                raise fault from None
        change(self._http, _path(user_id), "user", {"options": {_UNFORCED: wanted}})
        return user_id

    def _join(self, user_id: str, groups: Sequence[str]) -> None:
        """PUT of a membership that is there is no error (keystone/identity/backends/sql.py, add_user_to_group)."""
        for group in groups:
            path = f"/groups/{quote(group, safe='')}/users/{quote(user_id, safe='')}"
            self._http.write("identity", "PUT", path)

    def _groups(self, row: Row) -> list[str]:
        path = f"/users/{quote(str(row['id']), safe='')}/groups"
        try:
            return [str(group["id"]) for group in keystone_rows(self._http, path, "groups")]
        except NotFoundError:  # deleted meanwhile
            return []


def _path(id: str) -> str:
    return f"/users/{quote(id, safe='')}"


def _resource(row: Mapping[str, Any], groups: Sequence[str], *, default_project: str) -> Resource:
    external = len(str(row["id"])) > OF_SQL or bool(row.get("federated"))
    said: Mapping[str, Any] = {} if external else row
    options = said.get("options") or {}
    is_default = bool(default_project) and said.get("default_project_id") == default_project
    fields = {
        "domain": ref(ResourceKind.DOMAIN, str(row["domain_id"])),
        "external": external,
        "email": str(said.get("email") or ""),
        "description": str(said.get("description") or ""),
        "enabled": bool(said.get("enabled", True)),
        "default_project": ref(ResourceKind.PROJECT, default_project) if is_default else None,
        "options": {name: options[name] for name in OPTIONS if options.get(name) is not None},
        "groups": [] if external else [ref(ResourceKind.GROUP, each) for each in sorted(groups)],
    }
    # groups and default project depend on who asks
    version = digest(
        {name: value for name, value in fields.items() if name not in ("groups", "default_project")}
    )
    notes = {
        "password_expires_at": row.get("password_expires_at"),
        "remarks": ["he comes from a directory: the destination's domain must be connected to the same one"]
        if external
        else [],
    }
    return Resource(ResourceKind.USER, str(row["id"]), str(row["name"]), fields, notes, version)
