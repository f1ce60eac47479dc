"""Says in words which mappings of federated identity may give roles in a tenant at login; tenant_people.py calls it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pumphouse.domain.errors import CredentialsError, NotFoundError
from pumphouse.domain.tenant import Grant, HolderKind, Tenant
from pumphouse.drivers.openstack.tenant_projects import keystone_rows
from pumphouse.drivers.openstack.transport import Transport


def federated_words(
    transport: Transport, tenant: Tenant, grants: Sequence[Grant], gaps: list[str]
) -> list[str]:
    """One line per mapping and way; nothing where there is no identity provider. One request, two with providers."""
    try:
        if not keystone_rows(transport, "/OS-FEDERATION/identity_providers", "identity_providers"):
            return []
        mappings = keystone_rows(transport, "/OS-FEDERATION/mappings", "mappings")
    except NotFoundError:
        return []
    except CredentialsError:
        gaps.append("federated identity: Keystone refuses to list providers and mappings")
        return []
    return sorted({words for mapping in mappings for words in _words(mapping, tenant, grants)})


def _words(mapping: Mapping[str, Any], tenant: Tenant, grants: Sequence[Grant]) -> Iterator[str]:
    title = f"mapping {mapping['id']}"
    for local in (part for rule in mapping.get("rules") or () for part in rule.get("local") or ()):
        yield from (f"{title} {words}" for words in _projects(local.get("projects") or (), tenant))
        yield from (f"{title} {words}" for words in _groups(local, grants))


def _projects(projects: Iterable[Mapping[str, Any]], tenant: Tenant) -> Iterator[str]:
    for project in projects:
        name = str(project.get("name") or "")
        roles = ", ".join(str(role.get("name") or "?") for role in project.get("roles") or ())
        if name == tenant.name:
            yield f"gives {roles} in it at login"
        elif "{" in name:  # filled in from what the provider asserts
            yield f"gives {roles} at login in projects that the provider names"


def _groups(local: Mapping[str, Any], grants: Sequence[Grant]) -> Iterator[str]:
    holders = [grant for grant in grants if grant.holder_kind is HolderKind.GROUP]
    if isinstance(local.get("groups"), str):
        if holders and "{" in local["groups"]:
            yield "puts users at login into groups that the provider names, and groups hold roles here"
            return
        named = _named(local["groups"])
    else:
        group = local.get("group") or {}
        named = {str(group.get("id") or ""), str(group.get("name") or "")}
    ids = {str(each) for each in _named(local.get("group_ids") or "")}
    for grant in holders:
        if {grant.holder_id, grant.holder_name} & (named | ids) - {""}:
            yield f"puts users at login into group {grant.holder_name or grant.holder_id}, which holds {grant.role_name}"


def _named(value: str) -> set[str]:
    """Group names of a mapping: one, or a JSON list in a string."""
    try:
        found = json.loads(value)
    except ValueError:
        return {value}
    return {str(each) for each in found} if isinstance(found, list) else {value}
