"""Reads, makes and removes role assignments, and makes the short-lived users of probes; tenants.py and tenant_people.py call it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pumphouse.domain.errors import CloudFaultError, CredentialsError, NotFoundError
from pumphouse.domain.tenant import Grant, HolderKind, Place
from pumphouse.drivers.openstack.tenant_projects import keystone_rows
from pumphouse.drivers.openstack.transport import Rows, Transport

_COLLECTIONS = {HolderKind.USER: "users", HolderKind.GROUP: "groups"}
_SCOPES = {Place.PROJECT: "scope.project.id", Place.DOMAIN: "scope.domain.id", Place.SYSTEM: "scope.system"}
SYSTEM_ID = "all"
"""The place id of grants on the whole system."""


class Grants:
    """Role assignments of Keystone."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def on(self, place: Place, place_id: str) -> list[Grant]:
        """The assignments on a place as Keystone stores them, inherited ones too. One request."""
        return [grant_of(row) for row in self.rows(place, place_id)]

    def rows(self, place: Place, place_id: str, *, effective: bool = False) -> Rows:
        """Keystone's rows. For the system it ignores `effective` together with the scope, so that must not be asked."""
        params = {
            _SCOPES[place]: place_id,
            "include_names": "true",
            **({"effective": ""} if effective else {}),
        }
        return keystone_rows(self._http, "/role_assignments", "role_assignments", params)

    def has(self, grant: Grant) -> bool:
        """Whether it exists now."""
        try:
            self._http.get("identity", _path(grant))
        except NotFoundError:
            return False
        return True

    def add(self, grant: Grant) -> None:
        """A second time is no error.

        Raises:
            NotFoundError: its holder, role or place is gone.
        """
        if grant.inherited:  # Keystone takes any holder id here (seen in 2023.1 and 2026.2), and would keep an assignment to nobody
            holder = f"/{_COLLECTIONS[grant.holder_kind]}/{quote(grant.holder_id, safe='')}"
            self._http.get("identity", holder)
        try:
            self._http.write("identity", "PUT", _path(grant))
        except CloudFaultError as fault:
            if not self._is_there(grant):
                raise fault from None

    def remove(self, grant: Grant) -> None:
        """One that is not there, or whose holder is gone, is no error."""
        try:
            self._http.delete("identity", _path(grant))
        except CloudFaultError as fault:
            if self._is_there(grant) is not False:
                raise fault from None

    def _is_there(self, grant: Grant) -> bool | None:
        """After a write whose answer was lost; None when that cannot be told."""
        try:
            return self.has(grant)
        except CloudFaultError:
            return None


class ProbeUsers:
    """Short-lived users in the domain of our own user."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def our_id(self) -> str:
        """The user that we are."""
        return self._http.user()[0]

    def make(self, name: str, password: str) -> str:
        """A user of that name with that password.

        Raises:
            CredentialsError: users of our own domain cannot be written (LDAP, or we may not).
        """
        domain = self._domain()
        known = keystone_rows(self._http, "/users", "users", {"domain_id": domain, "name": name})
        user_id = next((str(row["id"]) for row in known if row["name"] == name), "")
        try:
            if user_id:
                body = {"user": {"password": password, "enabled": True}}
                self._http.write("identity", "PATCH", f"/users/{user_id}", json=body)
                return user_id
            body = {"user": {"name": name, "domain_id": domain, "password": password, "description": _WHAT}}
            return str(self._http.write("identity", "POST", "/users", json=body)["user"]["id"])
        except CredentialsError as error:
            raise CredentialsError(
                f"no probing user can be made in domain {domain} of our own user: {error.message}",
                hint="give Pumphouse a user of a domain whose users Keystone keeps itself (not LDAP), with the role admin",
            ) from None

    def find(self, prefix: str) -> Mapping[str, str]:
        """Id -> name of those whose names begin so. Keystone's filter may ignore case, ours does not."""
        params = {"domain_id": self._domain(), "name__startswith": prefix}
        rows = keystone_rows(self._http, "/users", "users", params)
        return {str(row["id"]): str(row["name"]) for row in rows if str(row["name"]).startswith(prefix)}

    def delete(self, user_id: str) -> None:
        """An unknown one is no error."""
        self._http.delete("identity", f"/users/{quote(user_id, safe='')}")

    def _domain(self) -> str:
        user_id, domain = self._http.user()
        return domain or str(self._http.get("identity", f"/users/{user_id}")["user"]["domain_id"])


_WHAT = "Pumphouse: probes what a member of a tenant can do; removed afterwards"


def grant_of(row: Mapping[str, Any]) -> Grant:
    """An assignment from Keystone's row (of a list that is not `effective`)."""
    kind = HolderKind.USER if "user" in row else HolderKind.GROUP
    scope = row["scope"]
    place = next(place for place in Place if place.value in scope)
    where = scope[place.value]
    # Keystone lists names with include_names, but leaves them empty for what an identity backend no longer knows
    return Grant(
        holder_kind=kind,
        holder_id=str(row[kind.value]["id"]),
        role_id=str(row["role"]["id"]),
        place=place,
        place_id=SYSTEM_ID if place is Place.SYSTEM else str(where["id"]),
        inherited="OS-INHERIT:inherited_to" in scope,
        holder_name=str(row[kind.value].get("name") or ""),
        role_name=str(row["role"].get("name") or ""),
        place_name="" if place is Place.SYSTEM else str(where.get("name") or ""),
    )


def _path(grant: Grant) -> str:
    """Where this very assignment is in Keystone's API."""
    holder = f"{_COLLECTIONS[grant.holder_kind]}/{quote(grant.holder_id, safe='')}/roles/{quote(grant.role_id, safe='')}"
    if grant.place is Place.SYSTEM:
        return f"/system/{holder}"
    where = f"/{grant.place}s/{quote(grant.place_id, safe='')}/{holder}"
    return f"/OS-INHERIT{where}/inherited_to_projects" if grant.inherited else where
