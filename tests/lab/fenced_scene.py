"""A tenant of its own with a member, an application credential and a trust, whose requests are made by hand; used by test_policy_host."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from openstack.connection import Connection

PASSWORD = uuid.uuid4().hex
SERVICES = {
    "keystone": "identity",
    "nova": "compute",
    "neutron": "network",
    "cinder": "block-storage",
    "glance": "image",
}
AWKWARD = 'polb te\'n (50%) [x] "q"'
"""A name that cannot stand in a rule as it is. ASCII: Nova 2023.1 answers 500 in the place of every 403 to tenants with other names, fenced or not."""


@dataclass
class Member:
    """A token of somebody, and what it can do with it. It is taken once and kept, as services do."""

    label: str
    scene: "Scene"
    token: str
    user_id: str
    project_id: str

    def ask(self, service: str, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(
            method, self.scene.urls[service] + path, json=body, headers={"X-Auth-Token": self.token}, timeout=120
        )  # fmt: skip

    def write(self, service: str) -> int:
        """The status of one writing request, undone if it went through."""
        kind, path, body = _WRITES[service]
        if service == "keystone":
            path = path.format(user=self.user_id)
            body = {"application_credential": {"name": uuid.uuid4().hex}}
        elif service == "cinder":
            path = path.format(project=self.project_id)
        answer = self.ask(service, "POST", path, body)
        if answer.status_code in (200, 201, 202) and kind:
            self.scene.undo(service, path, kind, answer.json(), self)
        return answer.status_code

    def read(self, service: str) -> int:
        path = _READS[service].format(user=self.user_id, project=self.project_id)
        return self.ask(service, "GET", path).status_code


_WRITES: Mapping[str, tuple[str, str, Any]] = {
    "keystone": ("application_credential", "/v3/users/{user}/application_credentials", None),
    # a flavor that does not exist: 400, after the policy has been asked
    "nova": ("", "/servers", {"server": {"name": "polb", "flavorRef": "nope", "imageRef": str(uuid.uuid4())}}),
    "neutron": ("network", "/v2.0/networks", {"network": {"name": "polb"}}),
    # more than any quota: 413
    "cinder": ("", "/v3/{project}/volumes", {"volume": {"name": "polb", "size": 900000}}),
    "glance": ("image", "/v2/images", {"name": "polb", "disk_format": "raw", "container_format": "bare"}),
}  # fmt: skip
_READS = {
    "keystone": "/v3/users/{user}/application_credentials",
    "nova": "/servers/detail",
    "neutron": "/v2.0/networks",
    "cinder": "/v3/{project}/volumes/detail",
    "glance": "/v2/images",
}


@dataclass
class Scene:
    """A fenced tenant and its sibling in one cloud."""

    cloud: Connection
    urls: dict[str, str]
    project_id: str = ""
    sibling_id: str = ""
    password: str = ""
    members: dict[str, Member] = field(default_factory=dict)

    def undo(self, service: str, path: str, kind: str, made: Mapping[str, Any], by: Member) -> None:
        identity = made.get(kind, made)["id"]
        answer = by.ask(service, "DELETE", f"{path}/{identity}")
        assert answer.status_code in (200, 204), answer.text

    def token(self, identity: Mapping[str, Any], scope: Any = None) -> str:
        auth: dict[str, Any] = {"identity": identity}
        if scope is not None:
            auth["scope"] = scope
        answer = requests.post(f"{self.urls['keystone']}/v3/auth/tokens", json={"auth": auth}, timeout=60)
        assert answer.status_code == 201, answer.text
        return answer.headers["X-Subject-Token"]

    def by_password(self, user_id: str, scope: Any) -> str:
        user = {"id": user_id, "password": PASSWORD}
        return self.token({"methods": ["password"], "password": {"user": user}}, scope)


@contextmanager
def fenced_scene(cloud: Connection) -> Iterator[Scene]:
    """Makes it and takes it away again."""
    urls = {name: _root(cloud, kind) for name, kind in SERVICES.items()}
    scene, identity = Scene(cloud, urls), cloud.identity
    mark = uuid.uuid4().hex[:6]
    with ExitStack() as stack:
        project = identity.create_project(name=f"{AWKWARD} {mark}", domain_id="default")
        stack.callback(identity.delete_project, project)
        sibling = identity.create_project(name=f"polb-sibling-{mark}", domain_id="default")
        stack.callback(identity.delete_project, sibling)
        user = identity.create_user(name=f"polb-{mark}", domain_id="default", password=PASSWORD)
        stack.callback(identity.delete_user, user)
        trustee = identity.create_user(name=f"polb-trustee-{mark}", domain_id="default", password=PASSWORD)
        stack.callback(identity.delete_user, trustee)
        stack.callback(_remove_left_over, cloud, (project.id, sibling.id))
        member = identity.find_role("member")
        for where in (project, sibling):
            identity.assign_project_role_to_user(where, user, member)
        scene.project_id, scene.sibling_id = project.id, sibling.id

        def add(label: str, token: str, user_id: str, project_id: str) -> Member:
            scene.members[label] = Member(label, scene, token, user_id, project_id)
            return scene.members[label]

        mine = {"project": {"id": project.id}}
        first = add("password", scene.by_password(user.id, mine), user.id, project.id)
        add("sibling", scene.by_password(user.id, {"project": {"id": sibling.id}}), user.id, sibling.id)
        made = first.ask(
            "keystone", "POST", f"/v3/users/{user.id}/application_credentials",
            {"application_credential": {"name": f"polb-{mark}"}},
        ).json()["application_credential"]  # fmt: skip
        key = {"id": made["id"], "secret": made["secret"]}
        token = scene.token({"methods": ["application_credential"], "application_credential": key})
        add("application credential", token, user.id, project.id)
        trust = first.ask(
            "keystone", "POST", "/v3/OS-TRUST/trusts",
            {"trust": {"trustor_user_id": user.id, "trustee_user_id": trustee.id, "project_id": project.id,
                       "impersonation": False, "roles": [{"name": "member"}]}},
        ).json()["trust"]  # fmt: skip
        add(
            "trust",
            scene.by_password(trustee.id, {"OS-TRUST:trust": {"id": trust["id"]}}),
            trustee.id,
            project.id,
        )
        yield scene


def eventually(what: str, holds: Callable[[], bool], *, timeout_s: float = 120) -> None:
    until = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until, f"{what}: not within {timeout_s} s"
        time.sleep(1)


def _root(cloud: Connection, kind: str) -> str:
    url = cloud.session.get_endpoint(service_type=kind, interface="public").rstrip("/")
    for end in ("/v3", "/v2.0", "/v2"):
        url = url.split(end)[0] if kind != "compute" else url
    return url


def _remove_left_over(cloud: Connection, projects: tuple[str, ...]) -> None:
    for project in projects:
        for server in cloud.compute.servers(all_projects=True, project_id=project):
            cloud.compute.delete_server(server, force=True)
        for network in cloud.network.networks(project_id=project):
            eventually("ports are gone", lambda n=network: not list(cloud.network.ports(network_id=n.id)))
            cloud.network.delete_network(network)
        for group in cloud.network.security_groups(project_id=project):
            cloud.network.delete_security_group(group)
        for image in cloud.image.images(owner=project):
            cloud.image.delete_image(image)
