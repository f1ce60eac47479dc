"""What the tenants' driver says of real clouds of both releases agrees with the openstack client and the SDK, and what it changes can be seen there."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from openstack.connection import Connection

from pumphouse.domain.tenant import Grant, HolderKind, Place, Source
from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.openstack.access import load_entry
from pumphouse.drivers.openstack.tenants import OpenStackTenants
from tests.lab import clouds
from tests.lab.conftest import TestLab
from tests.lab.peopled_tenant import PeopledTenant, peopled_tenant

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module", params=["old", "new"])
def cloud(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def admin(lab: TestLab, cloud: str) -> Connection:
    return lab.cloud(cloud)


@pytest.fixture
def tenants(lab: TestLab, cloud: str) -> Iterator[OpenStackTenants]:
    settings = load_entry(cloud, str(lab.directory / "clouds.yaml"))
    with closing(OpenStackTenants(cloud, settings, SystemClock())) as driver:
        yield driver


@pytest.fixture(scope="module")
def peopled(admin: Connection) -> Iterator[PeopledTenant]:
    """One for all tests: each puts back what it changes."""
    with peopled_tenant(admin, "test-tenants") as tenant:
        yield tenant


def test_everybody_is_found_with_the_reason(
    cloud: str, tenants: OpenStackTenants, peopled: PeopledTenant
) -> None:
    people = tenants.people(peopled.id)
    names = {user: name for name, user in peopled.users.items()}
    found = {
        (names[role.user_id], role.role_name.removeprefix(peopled.name)): (set(role.sources), role.via.replace(f"{peopled.name}-", ""))
        for role in people.roles
        if role.user_id in names
    }  # fmt: skip
    member = {
        "direct": ({Source.DIRECT}, ""),
        "grouped": ({Source.GROUP}, "group grouped"),
        "below_project": ({Source.INHERITED}, "inherited from project parent"),
        "below_domain": (
            {Source.GROUP, Source.INHERITED},
            "group below_domain, inherited from domain Default",
        ),
        "boss": ({Source.DIRECT, Source.IMPLIED}, "implied by boss"),
        "lord": ({Source.DOMAIN}, "on domain Default"),
    }
    assert {name: words for (name, role), words in found.items() if role == "member"} == member
    assert found["custom", "-custom"] == ({Source.DIRECT}, "")
    assert found["overseer", "reader"] == ({Source.SYSTEM, Source.GROUP}, "on the system, group overseer")
    assert {name for name, role in found if role == "reader"} == {*member, "overseer"} - {"lord"}
    assert all(role.grant_key for role in people.roles)
    assert [(c.id, "member" in c.roles) for c in people.application_credentials] == [
        (peopled.credential_id, True)
    ]
    assert [(t.id, t.roles, t.trustee_id) for t in people.trusts] == [
        (peopled.trust_id, ("member",), peopled.users["grouped"])
    ]
    if not (
        cloud == "old" and people.gaps
    ):  # with its cache in memory 2023.1 breaks off lists of credentials
        assert people.ec2_credentials == {peopled.users["direct"]: 1}
        assert people.gaps == ()
    assert all(gap.startswith("EC2") for gap in people.gaps)


def test_people_agree_with_the_client(
    lab: TestLab, cloud: str, admin: Connection, tenants: OpenStackTenants, peopled: PeopledTenant
) -> None:
    people = tenants.people(peopled.id)
    listed = lab.console.openstack(
        cloud, "role", "assignment", "list", "--effective", "--project", peopled.id
    )
    ours = {(r.user_id, r.role_id) for r in people.roles if not r.sources & {Source.DOMAIN, Source.SYSTEM}}
    assert ours == {(row["User"], row["Role"]) for row in listed}
    stored = admin.identity.role_assignments(scope_project_id=peopled.id)
    assert {(g.holder_id, g.role_id) for g in people.grants} == {
        ((a.user or a.group)["id"], a.role["id"]) for a in stored
    }
    assert {(t.id, t.name) for t in tenants.tenants()} == {(p.id, p.name) for p in admin.identity.projects()}
    assert tenants.tenant(f"Default:{peopled.name}") == tenants.tenant(peopled.id) == people.tenant


def test_grants_come_and_go_in_every_form(
    admin: Connection, tenants: OpenStackTenants, peopled: PeopledTenant
) -> None:
    reader = tenants.roles()["reader"]
    holders = [(HolderKind.USER, peopled.users["custom"]), (HolderKind.GROUP, peopled.groups["grouped"])]
    places = [
        (Place.PROJECT, peopled.id, False), (Place.PROJECT, peopled.id, True), (Place.DOMAIN, "default", False),
        (Place.DOMAIN, "default", True), (Place.SYSTEM, "all", False),
    ]  # fmt: skip
    for kind, holder in holders:
        for place, place_id, inherited in places:
            grant = Grant(kind, holder, reader, place, place_id, inherited)
            assert not tenants.has_grant(grant)
            tenants.remove_grant(grant)
            for _ in range(2):
                tenants.add_grant(grant)
            assert tenants.has_grant(grant)
            if place is Place.PROJECT:
                assert grant.key in {each.key for each in tenants.grants(peopled.id)}
            for _ in range(2):
                tenants.remove_grant(grant)
            assert not tenants.has_grant(grant)


def test_a_swap_leaves_credentials_alive(tenants: OpenStackTenants, peopled: PeopledTenant) -> None:
    before = tenants.people(peopled.id)
    mine = [grant for grant in before.grants if grant.holder_id == peopled.users["direct"]]
    for grant in mine:
        tenants.remove_grant(grant)
    during = tenants.people(peopled.id)
    assert peopled.users["direct"] not in {role.user_id for role in during.roles}
    for grant in mine:
        tenants.add_grant(grant)
    after = tenants.people(peopled.id)
    assert (after.application_credentials, after.trusts, set(after.grants)) == (
        before.application_credentials, before.trusts, set(before.grants),
    )  # fmt: skip


def test_quotas_are_set_and_put_back(tenants: OpenStackTenants, peopled: PeopledTenant) -> None:
    for service, name in (("nova", "instances"), ("cinder", "volumes"), ("neutron", "router")):
        before = tenants.quotas(service, peopled.id)
        tenants.set_quotas(service, peopled.id, {name: 0})
        assert tenants.quotas(service, peopled.id) == {**before, name: 0}
        assert tenants.usage(service, peopled.id).keys() == before.keys()
        tenants.set_quotas(service, peopled.id, before)
        assert tenants.quotas(service, peopled.id) == before


def test_servers_are_counted_and_locked_with_a_reason(populated: TestLab) -> None:
    admin = populated.cloud("old")
    settings = load_entry("old", str(populated.directory / "clouds.yaml"))
    with closing(OpenStackTenants("old", settings, SystemClock())) as tenants:
        theirs: dict[str, list[str]] = {}
        for server in clouds.servers(admin).values():
            theirs.setdefault(server.project_id, []).append(server.id)
        assert tenants.server_counts() == {project: len(ids) for project, ids in theirs.items()}
        project, ids = max(theirs.items(), key=lambda each: len(each[1]))
        assert {server.id for server in tenants.tenant_servers(project)} == set(ids)
        assert tenants.tenant_counts(project)["servers"] == len(ids)
        free = next(server for server in tenants.tenant_servers(project) if not server.locked)
        tenants.lock_server(free.id, "why")
        seen = tenants.tenant_server(free.id)
        assert seen is not None
        assert (seen.locked, seen.locked_reason) == (True, "why")
        tenants.unlock_server(free.id)
        assert not admin.compute.get_server(free.id).is_locked
