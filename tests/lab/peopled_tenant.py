"""A tenant whose people hold roles in every way that Keystone has, made for tests and removed with everything in it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from openstack.connection import Connection


@dataclass
class PeopledTenant:
    """Ids by short name. `password` is that of every user."""

    id: str
    name: str
    parent_id: str
    password: str
    users: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    custom_role: str = ""
    credential_id: str = ""
    trust_id: str = ""


@contextmanager
def peopled_tenant(admin: Connection, prefix: str) -> Iterator[PeopledTenant]:
    """Users: `direct` (member), `grouped` (member through a group), `below_project` and `below_domain` (member, inherited from the parent
    project and, through a group, from the domain), `custom` (a role of his own), `boss` (a role that implies member), `lord` (member on the domain), `overseer`
    (reader of the system through a group). `direct` has an application credential, a trust to `grouped` and an EC2 credential.
    """
    made: list[str] = []
    mark = f"{prefix}-{uuid4().hex[:6]}"

    def make(path: str, key: str, **values: Any) -> str:
        answer = admin.identity.post(path, json={key: values})
        assert answer.status_code == 201, answer.text
        found = str(answer.json()[key]["id"])
        made.append(f"{path}/{found}")
        return found

    def put(path: str) -> None:
        answer = admin.identity.put(path)
        assert answer.status_code in (201, 204), answer.text
        if "system" in path or "/domains/" in path:  # what hangs on the tenant goes with it
            made.append(path)

    roles = {role.name: role.id for role in admin.identity.roles()}
    try:
        parent = make("/projects", "project", name=f"{mark}-parent", domain_id="default")
        tenant = PeopledTenant(
            make("/projects", "project", name=mark, domain_id="default", parent_id=parent),
            mark,
            parent,
            uuid4().hex,
        )
        for name in (
            "direct",
            "grouped",
            "below_project",
            "below_domain",
            "custom",
            "boss",
            "lord",
            "overseer",
        ):
            tenant.users[name] = make(
                "/users", "user", name=f"{mark}-{name}", domain_id="default", password=tenant.password
            )
        for name in ("grouped", "below_domain", "overseer"):
            tenant.groups[name] = make("/groups", "group", name=f"{mark}-{name}", domain_id="default")
            put(f"/groups/{tenant.groups[name]}/users/{tenant.users[name]}")
        tenant.custom_role = make("/roles", "role", name=f"{mark}-custom")
        boss = make("/roles", "role", name=f"{mark}-boss")
        put(f"/roles/{boss}/implies/{roles['member']}")
        users, groups, member = tenant.users, tenant.groups, roles["member"]
        put(f"/projects/{tenant.id}/users/{users['direct']}/roles/{member}")
        put(f"/projects/{tenant.id}/groups/{groups['grouped']}/roles/{member}")
        put(
            f"/OS-INHERIT/projects/{parent}/users/{users['below_project']}/roles/{member}/inherited_to_projects"
        )
        put(
            f"/OS-INHERIT/domains/default/groups/{groups['below_domain']}/roles/{member}/inherited_to_projects"
        )
        put(f"/projects/{tenant.id}/users/{users['custom']}/roles/{tenant.custom_role}")
        put(f"/projects/{tenant.id}/users/{users['boss']}/roles/{boss}")
        put(f"/domains/default/users/{users['lord']}/roles/{member}")
        put(f"/system/groups/{groups['overseer']}/roles/{roles['reader']}")
        _give_credentials(log_in(admin, tenant, "direct"), tenant, member)
        yield tenant
    finally:
        for path in reversed(made):
            with suppress(Exception):
                admin.identity.delete(path)


def log_in(admin: Connection, tenant: PeopledTenant, user: str) -> Connection:
    """A connection of one of its users."""
    theirs: Connection = admin.connect_as(
        username=f"{tenant.name}-{user}", password=tenant.password, user_domain_id="default", user_domain_name=None,
        project_id=tenant.id, project_name=None, project_domain_id=None, project_domain_name=None,
    )  # fmt: skip
    return theirs


def _give_credentials(theirs: Connection, tenant: PeopledTenant, member: str) -> None:
    me, other = tenant.users["direct"], tenant.users["grouped"]
    body = {"application_credential": {"name": "app", "roles": [{"id": member}]}}
    answer = theirs.identity.post(f"/users/{me}/application_credentials", json=body)
    tenant.credential_id = answer.json()["application_credential"]["id"]
    trust = {
        "trustor_user_id": me, "trustee_user_id": other, "project_id": tenant.id, "impersonation": True, "roles": [{"id": member}],
    }  # fmt: skip
    answer = theirs.identity.post("/OS-TRUST/trusts", json={"trust": trust})
    tenant.trust_id = answer.json()["trust"]["id"]
    answer = theirs.identity.post(f"/users/{me}/credentials/OS-EC2", json={"tenant_id": tenant.id})
    assert answer.status_code == 201, answer.text
