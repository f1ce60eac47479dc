"""Finds the projects of a cloud and where they hang in the tree of domains and projects; tenants.py and its neighbours call it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from pumphouse.domain.errors import AmbiguousError, CredentialsError, NotFoundError
from pumphouse.domain.tenant import Tenant
from pumphouse.drivers.openstack.transport import Params, Rows, Transport

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lineage:
    """A project with the projects above it, nearest first; the domain is not among them."""

    tenant: Tenant
    ancestors: tuple[str, ...]


class Projects:
    """Reads projects and domains of Keystone."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def each(self) -> list[Tenant]:
        """All projects of all domains, by domain and name."""
        calls: list[Callable[[], Rows]] = [
            partial(keystone_rows, self._http, "/projects", "projects"),
            self._domain_rows,
        ]
        projects, domains = self._http.gather(calls)
        names = {str(row["id"]): str(row["name"]) for row in domains}
        found = [self._tenant(row, names) for row in projects if not row.get("is_domain")]
        return sorted(found, key=lambda tenant: (tenant.domain_name, tenant.name))

    def find(self, name_or_id: str) -> Tenant:
        """By id, then by name, then by `DOMAIN:NAME`, where DOMAIN may be a name or an id."""
        calls: list[Callable[[], Rows]] = [
            partial(self._by_id, name_or_id),
            partial(self._by_name, name_or_id),
        ]
        by_id, by_name = self._http.gather(calls)
        if by_id:
            return self._named(by_id)[0]
        found = self._named(by_name)
        if not found and ":" in name_or_id:
            domain, _, name = name_or_id.partition(":")
            found = [
                tenant
                for tenant in self._named(self._by_name(name))
                if domain in (tenant.domain_name, tenant.domain_id)
            ]
        if not found:
            raise NotFoundError("tenant", name_or_id, hint="`pumphouse tenant list` shows all of them")
        if len(found) > 1:
            those = "; ".join(f"{tenant.domain_name}:{tenant.name} ({tenant.id})" for tenant in found)
            raise AmbiguousError(f"several domains have a tenant {name_or_id!r}", hint=f"name one of {those}")
        return found[0]

    def lineage(self, tenant_id: str) -> Lineage:
        """The project and those above it. One request, and one for the domain's name.

        `parents_as_ids` names all parents; `parents_as_list` only those in which we have a role.
        """
        path = f"/projects/{quote(tenant_id, safe='')}"
        row = self._http.get("identity", path, params={"parents_as_ids": ""})["project"]
        tenant = self._named([row])[0]
        ancestors: list[str] = []
        above = row.get("parents")
        while isinstance(above, dict) and above:
            parent, above = next(iter(above.items()))
            if parent != tenant.domain_id:
                ancestors.append(str(parent))
        return Lineage(tenant, tuple(ancestors))

    def domain_names(self) -> Mapping[str, str]:
        """Domain id -> name, as far as we may read them."""
        return {str(row["id"]): str(row["name"]) for row in self._domain_rows()}

    def _by_id(self, name_or_id: str) -> Rows:
        try:
            body = self._http.get("identity", f"/projects/{quote(name_or_id, safe='')}")
        except (
            NotFoundError,
            CredentialsError,
        ):  # a name that is no id is refused by some policies before it is missed
            return []
        row = body.get("project")  # "" and ".." make another path of it
        return [] if row is None or row.get("is_domain") else [row]

    def _by_name(self, name: str) -> Rows:
        rows = keystone_rows(self._http, "/projects", "projects", {"name": name})
        return [row for row in rows if row["name"] == name and not row.get("is_domain")]

    def _named(self, rows: Sequence[Mapping[str, Any]]) -> list[Tenant]:
        wanted = {str(row["domain_id"]) for row in rows}
        names = {domain: self._domain_name(domain) for domain in wanted}
        return sorted((self._tenant(row, names) for row in rows), key=lambda tenant: tenant.domain_name)

    def _domain_name(self, domain_id: str) -> str:
        try:
            return str(self._http.get("identity", f"/domains/{quote(domain_id, safe='')}")["domain"]["name"])
        except (NotFoundError, CredentialsError):
            return domain_id

    def _domain_rows(self) -> Rows:
        try:
            return keystone_rows(self._http, "/domains", "domains")
        except CredentialsError:  # the admin of one domain: ids must do
            return []

    def _tenant(self, row: Mapping[str, Any], domain_names: Mapping[str, str]) -> Tenant:
        domain = str(row["domain_id"])
        return Tenant(
            id=str(row["id"]),
            name=str(row["name"]),
            environment=self._http.environment,
            domain_id=domain,
            domain_name=domain_names.get(domain, domain),
            enabled=bool(row.get("enabled", True)),
            description=str(row.get("description") or ""),
            parent_id=str(row.get("parent_id") or ""),
            tags=tuple(row.get("tags") or ()),
        )


def keystone_rows(transport: Transport, path: str, key: str, params: Params | None = None) -> Rows:
    """All rows of one of Keystone's lists. It answers with everything at once, unless its administrator set `list_limit`: since 2025.1
    it then links to a next page, before it only says `truncated`.
    """
    found: Rows = []
    marker: dict[str, str] = {}
    while True:
        body = transport.get("identity", path, params={**(params or {}), **marker})
        rows: Rows = body[key]
        found += rows
        more = bool((body.get("links") or {}).get("next"))
        if not rows or not more or marker.get("marker") == rows[-1].get("id"):
            if body.get("truncated") and not more:
                _LOG.warning("%s keystone cuts %s off (its option list_limit)", transport.environment, path)
            return found
        marker = {"marker": str(rows[-1]["id"])}
