"""Policy overrides on the real services of both releases: in force at once, lifted at once, refused when they would do harm."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import ConflictError, InvalidInputError
from pumphouse.domain.fence import SERVICES
from pumphouse.drivers.deployers.lab.driver import LabDeployer
from pumphouse.ports.policy import Persona, PolicyHost, PolicyView
from pumphouse.workflows.lock_tenant.overrides import FencedTenant, lifted_text, override_text, writing_rules
from tests.lab.conftest import TestLab
from tests.lab.fenced_scene import Scene, eventually, fenced_scene

pytestmark = pytest.mark.lab
CLOUDS = ("old", "new")
A, B = "a" * 32, "b" * 32


@dataclass
class Site:
    """Each service is looked at once: to start its code for that takes a second."""

    host: PolicyHost
    scene: Scene
    views: dict[str, PolicyView] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)
    """service -> version of our file"""
    is_up: bool = False

    def tenant(self) -> FencedTenant:
        found = self.scene.cloud.identity.get_project(self.scene.project_id)
        return FencedTenant(found.id, found.name, found.domain_id)

    def raise_fence(self, services: Sequence[str] = SERVICES) -> None:
        self.is_up = True
        for service in services:
            view = self.views.get(service) or self.views.setdefault(service, self.host.view(service))
            version = self.standing.get(service, view.version)
            text = override_text(view, [self.tenant()])
            self.standing[service] = self.host.write(service, text, expected=version)

    def lift_fence(self) -> None:
        for service, version in self.standing.items():
            text = lifted_text(self.views[service])
            self.standing[service] = self.host.write(service, text, expected=version)
        self.is_up = False

    def clear(self) -> None:
        """As it was before, also glance's neutral file: it holds the defaults, so that its rules stay what they are."""
        if "glance" in self.standing:
            assert self.scene.members["sibling"].read("glance") == 200, "glance reads the neutral file first"
            self.host.write("glance", "", expected=self.standing["glance"])
        self.standing.clear()


def policy_host(directory: Path, cloud: str) -> PolicyHost:
    environment = Environment("id", cloud, CloudAccess(cloud), "lab", {}, datetime(2026, 1, 1, tzinfo=UTC))
    return LabDeployer(environment, {"state_dir": str(directory)}).policy()


# on 2026.2 test_fence shows the same to everybody of a tenant
@pytest.fixture(scope="module", params=["old", pytest.param("new", marks=pytest.mark.long)])
def shared_site(request: pytest.FixtureRequest, lab: TestLab) -> Iterator[Site]:
    with fenced_scene(lab.cloud(request.param)) as scene:
        yield Site(policy_host(lab.directory, request.param), scene)


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """Without a fence, before and after each test."""
    try:
        yield shared_site
    finally:
        if shared_site.is_up:
            shared_site.lift_fence()
        shared_site.clear()


def statuses(site: Site, *, writes: bool) -> dict[tuple[str, str], int]:
    """What each service answers to each token: nothing is asked twice, so the first request after a change is what is seen."""
    members = [m for m in site.scene.members.values() if m.label != "sibling"]
    services = {"password": SERVICES}
    # application credentials and trusts may not make credentials, fence or not
    other = tuple(s for s in SERVICES if s != "keystone")
    return {
        (m.label, s): m.write(s) if writes else m.read(s)
        for m in members
        for s in services.get(m.label, SERVICES if not writes else other)
    }


def test_in_force_on_the_next_request_and_lifted_on_the_next(site: Site) -> None:
    before = statuses(site, writes=True)
    assert 403 not in before.values(), before
    reads = statuses(site, writes=False)
    site.raise_fence()
    during = statuses(site, writes=True)
    assert set(during.values()) == {403}, during
    assert statuses(site, writes=False) == reads
    sibling = site.scene.members["sibling"]
    assert 403 not in {sibling.write(s) for s in SERVICES}
    network = site.scene.cloud.network.create_network(name="polb-admin", project_id=site.scene.project_id)
    site.scene.cloud.network.delete_network(network)
    users_keep_what_is_their_own(site)
    site.lift_fence()
    assert statuses(site, writes=True) == before


def users_keep_what_is_their_own(site: Site) -> None:
    """Under the fence."""
    member = site.scene.members["password"]
    key = member.ask("nova", "POST", "/os-keypairs", {"keypair": {"name": "polb", "public_key": PUBLIC_KEY}})
    assert key.status_code in (200, 201), key.text
    assert member.ask("nova", "DELETE", "/os-keypairs/polb").status_code in (202, 204)
    token = site.scene.by_password(member.user_id, {"project": {"id": member.project_id}})
    headers = {"X-Auth-Token": token, "X-Subject-Token": token}
    out = site.scene.cloud.session.delete(
        f"{site.scene.urls['keystone']}/v3/auth/tokens", headers=headers, raise_exc=False, authenticated=False
    )
    assert out.status_code == 204, out.text


@pytest.mark.parametrize("shared_site", ["old"], indirect=True, scope="module")
def test_what_a_service_began_before_may_end(site: Site) -> None:
    """Nova asks Neutron for the port of a server with the member's own token, which is fenced by then, and its service token."""
    cloud, member = site.scene.cloud, site.scene.members["password"]
    network = cloud.network.create_network(name="polb", project_id=site.scene.project_id)
    cloud.network.create_subnet(
        network_id=network.id, ip_version=4, cidr="10.9.8.0/24", project_id=site.scene.project_id
    )
    flavor = cloud.compute.create_flavor(name=f"polb-{network.id}", ram=64, vcpus=1, disk=1)
    image = cloud.create_image(
        f"polb-{network.id}",
        data=b"x" * 1024,
        disk_format="raw",
        container_format="bare",
        visibility="public",
    )
    body = {
        "name": "polb",
        "flavorRef": flavor.id,
        "imageRef": image.id,
        "networks": [{"uuid": network.id}],
    }
    # Nova last: its asking for the port is sure to come when Neutron is closed already
    site.raise_fence([s for s in SERVICES if s != "nova"])
    made = member.ask("nova", "POST", "/servers", {"server": body})
    assert made.status_code == 202, made.text
    site.raise_fence(["nova"])
    server = made.json()["server"]["id"]
    eventually("it is built", lambda: cloud.compute.get_server(server).status != "BUILD")
    assert cloud.compute.get_server(server).status == "ACTIVE"
    assert member.ask("nova", "DELETE", f"/servers/{server}").status_code == 403
    assert member.ask("nova", "POST", f"/servers/{server}/action", {"suspend": None}).status_code == 403
    log = member.ask("nova", "POST", f"/servers/{server}/action", {"os-getConsoleOutput": {}})
    assert log.status_code != 403, log.text
    cloud.compute.delete_flavor(flavor)
    cloud.image.delete_image(image)


@pytest.mark.parametrize("cloud", ["old", pytest.param("new", marks=pytest.mark.long)])
def test_a_text_that_would_shut_everybody_out_is_refused(lab: TestLab, cloud: str) -> None:
    host = policy_host(lab.directory, cloud)
    before = host.view("nova")
    for text in (
        "{not: [yaml",
        "just words",
        '"os_compute_api:servers:create": "role:admin or or"',
        '"os_compute_api:servers:create": "nonsense"',
        '"os_compute_api:servers:create": "rule:no_such_rule"',
    ):
        with pytest.raises(InvalidInputError):
            host.write("nova", text, expected=before.version)
    with pytest.raises(InvalidInputError):
        host.judge("nova", [Persona("p", ("member",), A)], text)
    assert host.view("nova").version == before.version


def test_neutron_is_not_given_a_check_that_it_stumbles_over(lab: TestLab) -> None:
    host = policy_host(lab.directory, "new")
    with pytest.raises(InvalidInputError):
        host.write(
            "neutron", f'"create_network": "not project_id:{A}"', expected=host.view("neutron").version
        )


@pytest.mark.long
def test_two_writers_at_once_lose_nothing(lab: TestLab) -> None:
    host = policy_host(lab.directory, "old")
    standing: list[FencedTenant] = []
    conflicts = []

    def fence(tenant: FencedTenant) -> None:
        standing.append(tenant)
        while True:
            view = host.view("cinder")
            try:
                host.write("cinder", override_text(view, list(standing)), expected=view.version)
            except ConflictError as error:
                conflicts.append(error)
            else:
                return

    tenants = [FencedTenant(c * 32, f"polb-{c}", "default") for c in "abcd"]
    writers = [threading.Thread(target=fence, args=(tenant,)) for tenant in tenants]
    try:
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        view = host.view("cinder")
        assert view.ours == override_text(view, tenants)
        assert all(tenant.id in view.ours for tenant in tenants)
    finally:
        host.write("cinder", "", expected=host.view("cinder").version)
    assert host.view("cinder").ours == ""
    assert not [p for p in Path(view.where).parents[1].iterdir() if p.name.endswith(".tmp")]


def test_a_reader_passes_every_writing_rule_of_neutron_that_a_member_does_on_the_old_release(
    lab: TestLab,
) -> None:
    host = policy_host(lab.directory, "old")
    writes = set(writing_rules(host.view("neutron")))
    passes = host.judge(
        "neutron", [Persona("reader", ("reader",), A), Persona("member", ("member", "reader"), A)]
    )
    reader, member = ({r for r in writes if passes[who][r]} for who in ("reader", "member"))
    assert (len(reader), reader) == (83, member)


PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcQeZ4nnLBtxYo4tnzLDWzXU1yQm3vGd0oL7ZqjJq0k polb"
