"""Everybody who may act in a tenant: a direct member, one of a group, one by inheritance, one with a role of the operator's own, an application
credential, a trust, a token taken before. Made for the tests of fences; each tries for real.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from keystoneauth1 import session as sessions
from keystoneauth1.identity import v3
from openstack.connection import Connection
from openstack.exceptions import SDKException

from tests.lab.probed_tenant import PASSWORD, ProbedTenant

READS: Mapping[str, tuple[str, str]] = {
    "list servers": ("compute", "/servers"),
    "show the server": ("compute", "/servers/{server}"),
    "list networks": ("network", "/v2.0/networks"),
    "show the subnet": ("network", "/v2.0/subnets/{subnet}"),
    "list volumes": ("volumev3", "/volumes/detail"),
    "list images": ("image", "/v2/images"),
}
WRITES: Mapping[str, tuple[str, str, str, Any]] = {
    "create a server": ("POST", "compute", "/servers", {"server": {"name": "x", "flavorRef": "{flavor}", "imageRef": "{image}", "networks": "none"}}),
    "suspend the server": ("POST", "compute", "/servers/{server}/action", {"suspend": None}),
    "stop the server": ("POST", "compute", "/servers/{server}/action", {"os-stop": None}),
    "rename the server": ("PUT", "compute", "/servers/{server}", {"server": {"name": "renamed"}}),
    "delete the server": ("DELETE", "compute", "/servers/{server}", None),
    "create a network": ("POST", "network", "/v2.0/networks", {"network": {"name": "x"}}),
    "rename the network": ("PUT", "network", "/v2.0/networks/{network}", {"network": {"name": "renamed"}}),
    "create a subnet": ("POST", "network", "/v2.0/subnets", {"subnet": {"network_id": "{network}", "ip_version": 4, "cidr": "10.99.0.0/24"}}),
    "rename the subnet": ("PUT", "network", "/v2.0/subnets/{subnet}", {"subnet": {"name": "renamed"}}),
    "delete the port": ("DELETE", "network", "/v2.0/ports/{port}", None),
    "create a security group": ("POST", "network", "/v2.0/security-groups", {"security_group": {"name": "x"}}),
    "rename the router": ("PUT", "network", "/v2.0/routers/{router}", {"router": {"name": "renamed"}}),
    "create a volume": ("POST", "volumev3", "/volumes", {"volume": {"name": "x", "size": 1}}),
    "rename the volume": ("PUT", "volumev3", "/volumes/{volume}", {"volume": {"name": "renamed"}}),
    "create an image": ("POST", "image", "/v2/images", {"name": "x", "disk_format": "raw", "container_format": "bare"}),
}  # fmt: skip
"""Real requests, not made to fail."""


@dataclass
class Person:
    """Somebody with a session; `act` answers HTTP statuses, 401 when he cannot even log in."""

    name: str
    login: Callable[[], sessions.Session]
    things: Mapping[str, str]

    def ask(self, method: str, service: str, path: str, body: Any = None) -> int:
        session = self.login()
        try:
            answer = session.request(
                path.format(**self.things),
                method,
                json=_filled(body, self.things),
                endpoint_filter={"service_type": service, "interface": "public"},
                headers={"X-OpenStack-Nova-API-Version": "2.79"} if service == "compute" else {},
                raise_exc=False,
            )
        except Exception as error:
            status = getattr(error, "http_status", None)
            if status is None:
                raise
            return int(status)
        return int(answer.status_code)

    def reads(self) -> dict[str, int]:
        return {what: self.ask("GET", service, path) for what, (service, path) in READS.items()}

    def writes(self) -> dict[str, int]:
        return {what: self.ask(*request) for what, request in WRITES.items()}


@dataclass
class People:
    """All of them, and the tenant."""

    tenant: ProbedTenant
    admin: Connection
    persons: dict[str, Person] = field(default_factory=dict)
    sibling: Person | None = None


def assignments(admin: Connection, tenant_id: str) -> Any:
    """The assignments of a tenant as Keystone lists them, application credentials and trusts with their ids."""
    identity: Any = admin.identity
    listed = identity.get(f"/role_assignments?scope.project.id={tenant_id}").json()["role_assignments"]
    users = sorted({a["user"]["id"] for a in listed if "user" in a})
    credentials = [
        {k: v for k, v in c.items() if k != "links"}
        for user in users
        for c in identity.get(f"/users/{user}/application_credentials").json()["application_credentials"]
    ]
    trusts = [
        t["id"] for t in identity.get("/OS-TRUST/trusts").json()["trusts"] if t["project_id"] == tenant_id
    ]
    return sorted(map(repr, listed)), sorted(map(repr, credentials)), sorted(trusts)


@contextmanager
def parent_project(admin: Connection, prefix: str) -> Iterator[str]:
    """The id of a project above the tenant."""
    identity: Any = admin.identity
    made = identity.create_project(name=f"{prefix}-parent", domain_id="default")
    try:
        yield str(made.id)
    finally:
        identity.delete_project(made.id)


@contextmanager
def people_of(
    admin: Connection, tenant: ProbedTenant, prefix: str, *, parent_id: str = ""
) -> Iterator[People]:
    """Give the tenant its people; all are gone afterwards. One of them inherits from the parent project, if there is one."""
    identity: Any = admin.identity
    things = {**tenant.things, "flavor": next(iter(admin.compute.flavors())).id}
    found = People(tenant, admin)
    undo: list[Callable[[], object]] = []

    def user(name: str) -> str:
        made = identity.create_user(name=f"{prefix}-{name}", password=PASSWORD, domain_id="default")
        undo.append(lambda: identity.delete_user(made.id))
        return str(made.id)

    def person(name: str, auth: Callable[[], Any]) -> None:
        found.persons[name] = Person(name, lambda: sessions.Session(auth=auth()), things)

    member = identity.find_role("member", ignore_missing=False)
    url = admin.session.auth.auth_url
    try:
        direct = tenant.users["member"]
        person("direct member", lambda: _password(url, direct, tenant.id))

        grouped = user("grouped")
        group = identity.create_group(name=f"{prefix}-group", domain_id="default")
        undo.append(lambda: identity.delete_group(group.id))
        identity.add_user_to_group(grouped, group.id)
        identity.assign_project_role_to_group(tenant.id, group.id, member.id)
        person("group member", lambda: _password(url, grouped, tenant.id))

        if parent_id:
            heir = user("heir")
            path = f"/OS-INHERIT/projects/{parent_id}/users/{heir}/roles/{member.id}/inherited_to_projects"
            assert identity.put(path).status_code == 204
            person("inherited grant", lambda: _password(url, heir, tenant.id))

        custom = user("custom")
        role = identity.create_role(name=f"{prefix}-role")
        undo.append(lambda: identity.delete_role(role.id))
        identity.assign_project_role_to_user(tenant.id, custom, role.id)
        person("custom role", lambda: _password(url, custom, tenant.id))

        credential = _application_credential(url, direct, tenant.id, prefix)
        person(
            "application credential",
            lambda: v3.ApplicationCredential(
                url, credential["secret"], application_credential_id=credential["id"]
            ),
        )

        trustee = user("trustee")
        trust = _trust(url, direct, trustee, tenant.id)
        person("trust", lambda: v3.Password(url, user_id=trustee, password=PASSWORD, trust_id=trust))

        before = sessions.Session(auth=_password(url, direct, tenant.id))
        assert before.get("/v2.0/networks", endpoint_filter={"service_type": "network"}).status_code == 200
        token = before.get_token()
        found.persons["token from before"] = Person(
            "token from before", lambda: sessions.Session(auth=_Held(url, token, before)), things
        )

        other = identity.create_project(name=f"{prefix}-sibling", domain_id="default")
        undo.append(lambda: identity.delete_project(other.id))
        neighbour = user("neighbour")
        identity.assign_project_role_to_user(other.id, neighbour, member.id)
        found.sibling = Person(
            "sibling", lambda: sessions.Session(auth=_password(url, neighbour, other.id)), things
        )
        yield found
    finally:
        for step in reversed(undo):
            with suppress(SDKException):
                step()


class _Held(v3.Token):
    """A token that was taken before, used as it is: nothing is exchanged for it."""

    def __init__(self, url: str, token: str, before: sessions.Session) -> None:
        super().__init__(url, token)
        self._held, self._before = token, before

    def get_token(self, session: sessions.Session) -> str:
        del session
        return self._held

    def get_endpoint(self, session: sessions.Session, **wanted: Any) -> Any:
        del session
        return self._before.auth.get_endpoint(self._before, **wanted)


def _password(url: str, user: str, project: str) -> Any:
    return v3.Password(url, user_id=user, password=PASSWORD, project_id=project)


def _application_credential(url: str, user: str, project: str, prefix: str) -> Any:
    session = sessions.Session(auth=_password(url, user, project))
    answer = session.post(
        f"{url.removesuffix('/v3')}/v3/users/{user}/application_credentials",
        json={"application_credential": {"name": f"{prefix}-credential"}},
    )
    return answer.json()["application_credential"]


def _trust(url: str, trustor: str, trustee: str, project: str) -> str:
    session = sessions.Session(auth=_password(url, trustor, project))
    wanted = {
        "trustor_user_id": trustor,
        "trustee_user_id": trustee,
        "project_id": project,
        "impersonation": False,
        "roles": [{"name": "member"}],
    }
    answer = session.post(f"{url.removesuffix('/v3')}/v3/OS-TRUST/trusts", json={"trust": wanted})
    return str(answer.json()["trust"]["id"])


def _filled(body: Any, things: Mapping[str, str]) -> Any:
    if isinstance(body, dict):
        return {key: _filled(value, things) for key, value in body.items()}
    return body.format(**things) if isinstance(body, str) else body
