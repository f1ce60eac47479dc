"""Who may do what in a tenant, read from answers in the shapes of both releases."""

import json
from typing import Any

import pytest

from pumphouse.domain.errors import (
    AmbiguousError,
    NotFoundError,
)
from pumphouse.domain.tenant import Source
from pumphouse.drivers.openstack.tenants import OpenStackTenants
from tests.fakes.clock import FakeClock
from tests.simulated.server import Fault, Request, SimulatedCloud

DOMAIN = {"id": "default", "name": "Default"}
ROLES = {"r-admin": "admin", "r-member": "member", "r-reader": "reader", "r-boss": "boss"}


def reply(sim: SimulatedCloud, path: str, **body: Any) -> None:
    sim.replies["GET", f"identity/{path}"] = (200, body)


def project(id: str, name: str, domain: str = "default", **more: Any) -> dict[str, Any]:
    return {"id": id, "name": name, "domain_id": domain, "enabled": True, "description": None, "parent_id": domain,
            "is_domain": False, "tags": [], "options": {}, **more}  # fmt: skip


def row(
    role: str, *, user: str = "", group: str = "", inherited: bool = False, **scope: Any
) -> dict[str, Any]:
    kind, holder = ("user", user) if user else ("group", group)
    where = {
        key: {"all": True} if key == "system" else {"id": value, "name": f"name-of-{value}"}
        for key, value in scope.items()
    }
    if inherited:
        where["OS-INHERIT:inherited_to"] = "projects"
    return {
        "links": {"assignment": "http://x"}, "scope": where, kind: {"id": holder, "name": f"name-of-{holder}", "domain": DOMAIN},
        "role": {"id": role, "name": ROLES[role]},
    }  # fmt: skip


def effective(user: str, role: str, assignment: str, **links: str) -> dict[str, Any]:
    return {
        "links": {"assignment": f"http://keystone/v3{assignment}", **links}, "scope": {"project": {"id": "p1", "name": "alpha", "domain": DOMAIN}},
        "user": {"id": user, "name": f"name-of-{user}", "domain": DOMAIN}, "role": {"id": role, "name": ROLES[role]},
    }  # fmt: skip


class Assignments:
    """Keystone's /role_assignments, which answers by its query."""

    def __init__(self, sim: SimulatedCloud) -> None:
        self.lists: dict[str, list[dict[str, Any]]] = {
            "effective": [],
            "p1": [],
            "parent": [],
            "default": [],
            "all": [],
        }
        read = sim._read

        def answer(request: Request) -> Any:
            if request.path != "/role_assignments":
                return read(request)
            assert request.query["include_names"] == ["true"]
            scope = next(value[0] for key, value in request.query.items() if key.startswith("scope."))
            key = "effective" if "effective" in request.target else scope
            return (
                200,
                json.dumps({"role_assignments": self.lists[key], "links": {"next": None}}).encode(),
                {},
            )

        sim._read = answer  # type: ignore[method-assign]  # the simulated cloud has no answers by query


@pytest.fixture
def assignments(sim: SimulatedCloud) -> Assignments:
    reply(sim, "projects/p1", project=project("p1", "alpha", parents={"parent": {"default": None}}))
    reply(sim, "domains/default", domain=DOMAIN)
    reply(sim, "domains", domains=[DOMAIN])
    inferences = [("r-admin", "r-member"), ("r-member", "r-reader"), ("r-boss", "r-member")]
    reply(sim, "role_inferences", role_inferences=[
        {"prior_role": {"id": prior, "name": ""}, "implies": [{"id": implied, "name": ""}]} for prior, implied in inferences
    ])  # fmt: skip
    for path, key in (("OS-TRUST/trusts", "trusts"), ("credentials", "credentials"),
                      ("OS-FEDERATION/identity_providers", "identity_providers")):  # fmt: skip
        reply(sim, path, **{key: []})
    return Assignments(sim)


def told(tenants: OpenStackTenants) -> dict[tuple[str, str, str], tuple[set[Source], str]]:
    return {
        (role.user_id, role.role_name, role.grant_key): (set(role.sources), role.via)
        for role in tenants.effective("p1")
    }


# -- projects


def test_projects_of_all_domains_without_their_pseudo_projects(
    sim: SimulatedCloud, tenants: OpenStackTenants
) -> None:
    reply(sim, "projects", projects=[project("2", "b", "d2"), project("1", "a"), project("default", "Default", is_domain=True)], links={"next": None})  # fmt: skip
    reply(sim, "domains", domains=[DOMAIN, {"id": "d2", "name": "Corp"}])
    assert [(t.domain_name, t.name, t.id) for t in tenants.tenants()] == [
        ("Corp", "b", "2"),
        ("Default", "a", "1"),
    ]
    sim.replies["GET", "identity/domains"] = (403, {"error": {"message": "no"}})
    assert {t.domain_name for t in tenants.tenants()} == {"d2", "default"}


def test_a_name_of_two_domains_is_ambiguous_and_named_with_its_domain(
    sim: SimulatedCloud, tenants: OpenStackTenants
) -> None:
    sim.replies["GET", "identity/projects/a"] = (404, {"error": {"message": "no"}})
    sim.replies["GET", "identity/projects/d2%3Aa"] = sim.replies["GET", "identity/projects/Corp%3Aa"] = (
        404,
        {},
    )
    reply(sim, "projects", projects=[project("1", "a"), project("2", "a", "d2")])
    reply(sim, "domains/default", domain=DOMAIN)
    reply(sim, "domains/d2", domain={"id": "d2", "name": "Corp"})
    with pytest.raises(AmbiguousError) as caught:
        tenants.tenant("a")
    assert "Corp:a (2)" in caught.value.hint
    assert "Default:a (1)" in caught.value.hint
    assert tenants.tenant("Corp:a").id == "2"
    assert tenants.tenant("d2:a").id == "2"
    reply(sim, "projects/1", project=project("1", "a"))
    assert tenants.tenant("1").name == "a"


def test_the_domain_itself_is_no_tenant(sim: SimulatedCloud, tenants: OpenStackTenants) -> None:
    reply(sim, "projects/default", project=project("default", "Default", is_domain=True))
    reply(sim, "projects", projects=[])
    for name in ("default", ""):
        with pytest.raises(NotFoundError):
            tenants.tenant(name)


# -- people


def test_roles_are_traced_to_their_assignments(assignments: Assignments, tenants: OpenStackTenants) -> None:
    direct, grouped = "/projects/p1/users/u1/roles/{}", "/projects/p1/groups/g1/roles/r-member"
    inherited = "/OS-INHERIT/domains/default/groups/g2/roles/{}/inherited_to_projects"
    above = "/OS-INHERIT/projects/parent/users/u4/roles/r-reader/inherited_to_projects"
    assignments.lists |= {
        "p1": [row("r-admin", user="u1", project="p1"), row("r-member", group="g1", project="p1"), row("r-reader", user="u1", project="p1", inherited=True), row("r-reader", user="u1", project="p1")],
        "parent": [row("r-reader", user="u4", project="parent", inherited=True), row("r-admin", user="u4", project="parent")],
        "default": [row("r-boss", group="g2", domain="default", inherited=True)],
        # a chain of implied roles: Keystone names an assignment of r-member that does not exist, and the two roles the wrong way round
        "effective": [
            effective("u1", "r-admin", direct.format("r-admin")),
            effective("u1", "r-member", direct.format("r-admin"), prior_role="http://keystone/v3/prior_role/r-member/implies/r-admin"),
            effective("u1", "r-reader", direct.format("r-member"), prior_role="http://keystone/v3/prior_role/r-reader/implies/r-member"),
            effective("u1", "r-reader", direct.format("r-reader")),
            effective("u2", "r-member", grouped, membership="http://keystone/v3/groups/g1/users/u2"),
            effective("u3", "r-member", inherited.format("r-boss"), prior_role="http://keystone/v3/prior_role/r-member/implies/r-boss"),
            effective("u4", "r-reader", above),
        ],
    }  # fmt: skip
    admin = "project/p1/user/u1/r-admin/direct"
    assert told(tenants) == {
        ("u1", "admin", admin): ({Source.DIRECT}, ""),
        ("u1", "member", admin): ({Source.DIRECT, Source.IMPLIED}, "implied by admin"),
        ("u1", "reader", admin): ({Source.DIRECT, Source.IMPLIED}, "implied by admin"),
        ("u1", "reader", "project/p1/user/u1/r-reader/direct"): ({Source.DIRECT}, ""),
        ("u2", "member", "project/p1/group/g1/r-member/direct"): ({Source.GROUP}, "group name-of-g1"),
        ("u3", "member", "domain/default/group/g2/r-boss/inherited"): (
            {Source.GROUP, Source.INHERITED, Source.IMPLIED},
            "group name-of-g2, inherited from domain name-of-default, implied by boss",
        ),
        ("u4", "reader", "project/parent/user/u4/r-reader/inherited"): ({Source.INHERITED}, "inherited from project name-of-parent"),
    }  # fmt: skip


def test_roles_on_the_domain_and_the_system(
    sim: SimulatedCloud, assignments: Assignments, tenants: OpenStackTenants
) -> None:
    assignments.lists["default"] = [
        row("r-admin", user="u1", domain="default"),
        row("r-member", group="g1", domain="default"),
    ]
    assignments.lists["all"] = [row("r-reader", group="g1", system="all")]
    reply(sim, "groups/g1/users", users=[{"id": "u2", "name": "two", "domain_id": "default"}])
    assert told(tenants) == {
        ("u1", "admin", "domain/default/user/u1/r-admin/direct"): ({Source.DOMAIN}, "on domain name-of-default"),
        ("u2", "member", "domain/default/group/g1/r-member/direct"): ({Source.DOMAIN, Source.GROUP}, "on domain name-of-default, group name-of-g1"),
        ("u2", "reader", "system/all/group/g1/r-reader/direct"): ({Source.SYSTEM, Source.GROUP}, "on the system, group name-of-g1"),
    }  # fmt: skip
    assert sim.count("identity", "/groups/g1/users") == 1


def test_an_assignment_that_went_while_we_read_is_still_told(
    assignments: Assignments, tenants: OpenStackTenants
) -> None:
    assignments.lists["effective"] = [effective("u1", "r-member", "/projects/p1/users/u1/roles/r-member")]
    assert told(tenants) == {("u1", "member", ""): ({Source.DIRECT}, "")}


def test_everything_about_people_in_one_sweep(
    sim: SimulatedCloud, assignments: Assignments, tenants: OpenStackTenants
) -> None:
    assignments.lists["p1"] = [
        row("r-member", user="u1", project="p1"),
        row("r-member", group="g1", project="p1"),
    ]
    assignments.lists["effective"] = [effective("u1", "r-member", "/projects/p1/users/u1/roles/r-member")]
    credential = {"name": "app", "user_id": "u1", "roles": [{"id": "r-member", "name": "member"}], "unrestricted": None, "expires_at": "2027-01-01T00:00:00.000000"}  # fmt: skip
    reply(sim, "users/u1/application_credentials", application_credentials=[{"id": "c1", "project_id": "p1", **credential}, {"id": "c2", "project_id": "other", **credential}])  # fmt: skip
    trust = {"id": "t1", "trustor_user_id": "u1", "trustee_user_id": "u2", "project_id": "p1", "impersonation": True, "expires_at": "2027-01-01T00:00:00.000000Z"}  # fmt: skip
    reply(sim, "OS-TRUST/trusts", trusts=[trust, {**trust, "id": "t2", "project_id": "other"}])
    reply(sim, "OS-TRUST/trusts/t1", trust={**trust, "roles": [{"id": "r-member", "name": "member"}]})
    reply(sim, "credentials", credentials=[
        {"id": "e1", "type": "ec2", "user_id": "u1", "project_id": "p1", "blob": '{"secret": "sesame"}'},
        {"id": "e2", "type": "ec2", "user_id": "u1", "project_id": "other", "blob": "{}"},
    ])  # fmt: skip
    reply(sim, "OS-FEDERATION/identity_providers", identity_providers=[{"id": "idp"}])
    reply(sim, "OS-FEDERATION/mappings", mappings=[{"id": "m1", "rules": [
        {"local": [{"projects": [{"name": "alpha", "roles": [{"name": "member"}]}]}, {"group": {"id": "g1"}}, {"projects": [{"name": "beta", "roles": []}]}]}]}])  # fmt: skip
    people = tenants.people("p1")
    assert [
        (c.id, c.roles, c.expires_at and c.expires_at.isoformat()) for c in people.application_credentials
    ] == [("c1", ("member",), "2027-01-01T00:00:00+00:00")]
    assert [(t.id, t.roles, t.impersonation) for t in people.trusts] == [("t1", ("member",), True)]
    assert people.ec2_credentials == {"u1": 1}
    assert people.federated == (
        "mapping m1 gives member in it at login",
        "mapping m1 puts users at login into group name-of-g1, which holds member",
    )
    assert people.gaps == ()
    assert "sesame" not in repr(people)
    assert [grant.key for grant in people.grants] == ["project/p1/user/u1/r-member/direct", "project/p1/group/g1/r-member/direct"]  # fmt: skip


def test_the_requests_do_not_grow_with_the_assignments(
    sim: SimulatedCloud, assignments: Assignments, tenants: OpenStackTenants
) -> None:
    def requests(groups: int) -> int:
        assignments.lists["p1"] = [row("r-member", group=f"g{n}", project="p1") for n in range(groups)]
        assignments.lists["effective"] = [
            effective("u1", "r-member", f"/projects/p1/groups/g{n}/roles/r-member") for n in range(groups)
        ]
        before = sim.count()
        assert len(tenants.people("p1").roles) == groups
        return sim.count() - before

    reply(sim, "users/u1/application_credentials", application_credentials=[])
    requests(1)
    assert requests(200) == requests(1) <= 12


def test_what_a_cloud_refuses_to_show_is_a_gap(
    sim: SimulatedCloud, assignments: Assignments, tenants: OpenStackTenants
) -> None:
    assignments.lists["effective"] = [effective("u1", "r-member", "/projects/p1/users/u1/roles/r-member")]
    for path in ("users/u1/application_credentials", "OS-TRUST/trusts/t1", "credentials", "users/u1/credentials/OS-EC2", "OS-FEDERATION/identity_providers"):  # fmt: skip
        sim.replies["GET", f"identity/{path}"] = (403, {"error": {"message": "no"}})
    reply(
        sim,
        "OS-TRUST/trusts",
        trusts=[{"id": "t1", "trustor_user_id": "u1", "trustee_user_id": "u2", "project_id": "p1"}],
    )
    people = tenants.people("p1")
    assert [trust.roles for trust in people.trusts] == [()]
    assert len(people.gaps) == 4


def test_a_broken_list_of_ec2_credentials_is_asked_for_by_user(
    sim: SimulatedCloud, clock: FakeClock, assignments: Assignments, tenants: OpenStackTenants
) -> None:
    assignments.lists["effective"] = [effective("u1", "r-member", "/projects/p1/users/u1/roles/r-member")]
    reply(sim, "users/u1/application_credentials", application_credentials=[])
    reply(
        sim,
        "users/u1/credentials/OS-EC2",
        credentials=[{"access": "a", "tenant_id": "p1"}, {"access": "b", "tenant_id": "x"}],
    )
    sim.faults.append(
        Fault(reset=True, while_=lambda: True, hits=lambda request: request.path == "/credentials")
    )
    began = clock.monotonic()
    assert tenants.people("p1").ec2_credentials == {"u1": 1}
    sim.faults.append(Fault(reset=True, hits=lambda request: request.path.endswith("OS-EC2")))
    people = tenants.people("p1")
    assert people.ec2_credentials == {}
    assert people.gaps == ("EC2 credentials of 1 users: Keystone does not list them",)
    assert clock.monotonic() - began < 1
