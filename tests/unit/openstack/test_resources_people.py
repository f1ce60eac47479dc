"""The drivers of domains, roles, projects, groups, users, assignments and credentials against a simulated Keystone."""

from collections.abc import Iterator
from typing import Any

import pytest

from pumphouse.domain.errors import CloudFaultError, ConflictError
from pumphouse.domain.resource import Resource, ResourceKind, ref
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.resources.resources import OpenStackResources
from pumphouse.drivers.openstack.resources.table import DRIVERS, SERVICE_OF
from pumphouse.ports.resources import HeldBy
from tests.fakes.clock import FakeClock
from tests.simulated.server import Fault, Request
from tests.unit.openstack.resource_cloud import OURS, TENANT, ResourceCloud, assigned, person

ALICE = person(
    "1" * 32,
    "alice",
    email="a@example.org",
    default_project_id=TENANT,
    options={"ignore_password_expiry": True},
)
BOB = person("2" * 32, "bob", default_project_id="f" * 32)
LDAP = person("3" * 64, "lena", email="l@example.org", description="of the directory")
DEVS = person("4" * 32, "devs", description="developers")
OTHERS = person("5" * 32, "others")
US = person(OURS, "admin")


@pytest.fixture
def cloud() -> Iterator[ResourceCloud]:
    with ResourceCloud() as made:
        made.rows["identity", "domains"] = [person("default", "Default", ""), person("d2", "two", "")]
        made.rows["identity", "projects"] = [
            person(
                TENANT,
                "shop",
                parent_id="6" * 32,
                tags=["b", "a"],
                parents={"6" * 32: {"7" * 32: {"default": None}}},
            ),
            person("6" * 32, "team", parent_id="7" * 32, parents={"7" * 32: {"default": None}}),
            person("7" * 32, "division", parent_id="default", parents={"default": None}),
        ]
        made.rows["identity", "users"] = [dict(each) for each in (ALICE, BOB, LDAP, US)]
        made.rows["identity", "groups"] = [dict(DEVS), dict(OTHERS)]
        made.rows["identity", "roles"] = [
            {"id": f"id-{name}", "name": name, "domain_id": None, "description": "", "options": {"immutable": name == "admin"}}
            for name in ("admin", "member", "reader")
        ]  # fmt: skip
        made.members = {DEVS["id"]: [BOB["id"], OURS], OTHERS["id"]: [ALICE["id"], BOB["id"]]}
        made.assignments = [
            assigned("member", ALICE),
            assigned("member", LDAP),
            assigned("reader", DEVS, "group"),
            assigned("admin", US),
            assigned("member", {"id": "9" * 32, "name": ""}),
            assigned("reader", ALICE, **{"OS-INHERIT:inherited_to": "projects"}),
            assigned("admin", DEVS, "group", "domain", "default", **{"OS-INHERIT:inherited_to": "projects"}),
            assigned("admin", DEVS, "group", "domain", "default"),
        ]
        yield made


@pytest.fixture
def resources(cloud: ResourceCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenStackResources]:
    """Only with Keystone's kinds: the simulated cloud has nothing of the others."""
    ours = {
        kind: make
        for kind, make in DRIVERS.items()
        if SERVICE_OF[kind] == "identity" and kind not in (ResourceKind.QUOTA, ResourceKind.ZONE)
    }
    monkeypatch.setattr("pumphouse.drivers.openstack.resources.resources.DRIVERS", ours)
    made = OpenStackResources("old", CloudSettings("sim", "password", cloud.auth), FakeClock())
    yield made
    made.close()


def of(resources: OpenStackResources, kind: ResourceKind) -> list[Resource]:
    return list(resources.kind(kind).of_tenant(TENANT))


def test_a_project_knows_the_names_above_it_and_what_reaches_it_from_there(
    resources: OpenStackResources,
) -> None:
    (project,) = of(resources, ResourceKind.PROJECT)
    assert project.fields == {
        "domain": ref(ResourceKind.DOMAIN, "default"), "parent": ["division", "team"], "description": "", "enabled": True, "tags": ["a", "b"],
    }  # fmt: skip
    (remark,) = project.notes["remarks"]
    assert "group devs has role admin here through domain" in remark


def test_a_project_is_made_below_the_path_that_the_destination_has(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    (project,) = of(resources, ResourceKind.PROJECT)
    driver = resources.kind(ResourceKind.PROJECT)
    driver.create("", "copy", project.fields)
    driver.create("", "lone", {**project.fields, "parent": ["division", "elsewhere"]})
    first, second = (each["project"] for each in cloud.bodies("POST", "/projects"))
    assert (first["parent_id"], first["tags"], first["domain_id"]) == ("6" * 32, ["a", "b"], "default")
    assert "parent_id" not in second
    assert "is_domain" not in first


def test_users_of_a_tenant_are_those_with_roles_and_the_members_of_groups_with_roles_but_never_ourselves(
    resources: OpenStackResources,
) -> None:
    found = {each.name: each for each in of(resources, ResourceKind.USER)}
    assert sorted(found) == ["alice", "bob", "lena"]
    assert found["alice"].fields == {
        "domain": ref(ResourceKind.DOMAIN, "default"), "external": False, "email": "a@example.org", "description": "", "enabled": True,
        "default_project": ref(ResourceKind.PROJECT, TENANT), "options": {"ignore_password_expiry": True}, "groups": [],
    }  # fmt: skip
    assert found["bob"].fields["groups"] == [ref(ResourceKind.GROUP, DEVS["id"])]
    assert found["bob"].fields["default_project"] is None


def test_of_a_directory_s_user_nothing_but_his_name_is_copied(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    lena = next(each for each in of(resources, ResourceKind.USER) if each.name == "lena")
    assert lena.fields["external"]
    assert (lena.fields["email"], lena.fields["description"], lena.fields["groups"]) == ("", "", [])
    driver = resources.kind(ResourceKind.USER)
    with pytest.raises(ConflictError, match="external directory"):
        driver.create(TENANT, "lena", lena.fields)
    with pytest.raises(ConflictError, match="not ours"):
        driver.delete(lena.id)
    driver.update(lena.id, lena.fields)
    assert cloud.written == []


def test_a_user_read_alone_has_all_his_groups_but_the_same_version(resources: OpenStackResources) -> None:
    in_tenant = next(each for each in of(resources, ResourceKind.USER) if each.name == "bob")
    alone = resources.read(ResourceKind.USER, BOB["id"])
    assert alone is not None
    assert alone.fields["groups"] == [ref(ResourceKind.GROUP, each["id"]) for each in (DEVS, OTHERS)]
    assert alone.version == in_tenant.version


def test_a_new_user_has_no_password_and_joins_his_groups(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    driver = resources.kind(ResourceKind.USER)
    bob = next(each for each in of(resources, ResourceKind.USER) if each.name == "bob")
    made = driver.create(TENANT, "bob2", bob.fields)
    (body,) = cloud.bodies("POST", "/users")
    assert body["user"] == {"name": "bob2", "domain_id": "default", "enabled": True, "options": {}}
    assert made in cloud.members[DEVS["id"]]
    driver.update(
        made, {"groups": [], "default_project": None, "email": "new@example.org", "description": ""}
    )
    (change,) = cloud.bodies("PATCH", f"/users/{made}")
    assert change == {"user": {"email": "new@example.org", "description": ""}}
    assert made in cloud.members[DEVS["id"]]


def test_a_name_that_is_taken_is_a_conflict_and_not_a_fault_to_wait_out(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    cloud.faults.append(
        Fault(409, hits=lambda request: request.method == "POST" and request.path == "/groups")
    )
    (devs,) = of(resources, ResourceKind.GROUP)
    with pytest.raises(ConflictError, match="devs cannot be made"):
        resources.kind(ResourceKind.GROUP).create(TENANT, "devs", devs.fields)


def test_a_change_whose_answer_was_lost_is_sent_again(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    cloud.faults.append(Fault(500, hits=lambda request: request.method == "PATCH"))
    resources.kind(ResourceKind.GROUP).update(DEVS["id"], {"description": "new"})
    assert len([each for each in cloud.log if each.method == "PATCH"]) == 2


def test_assignments_are_those_on_the_project_without_ours_and_the_dead(
    resources: OpenStackResources,
) -> None:
    found = of(resources, ResourceKind.ASSIGNMENT)
    assert sorted((each.name, each.fields["inherited"]) for each in found) == [
        ("member of user alice", False), ("member of user lena", False), ("reader of group devs", False),
        ("reader of user alice for the projects below", True),
    ]  # fmt: skip
    again = resources.kind(ResourceKind.ASSIGNMENT).named([each.id for each in found])
    assert sorted(each.id for each in again) == sorted(each.id for each in found)


def test_an_assignment_is_put_and_taken_away_at_its_own_path(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    driver = resources.kind(ResourceKind.ASSIGNMENT)
    fields = {
        "holder": ref(ResourceKind.USER, ALICE["id"]), "role": ref(ResourceKind.ROLE, "id-reader"),
        "place": ref(ResourceKind.PROJECT, TENANT), "inherited": True,
    }  # fmt: skip
    key = driver.create(TENANT, "reader of alice", fields)
    driver.delete(key)
    path = f"/OS-INHERIT/projects/{TENANT}/users/{ALICE['id']}/roles/id-reader/inherited_to_projects"
    assert [(each.method, each.path) for each in cloud.written] == [("PUT", path), ("DELETE", path)]
    assert key == f"project/{TENANT}/user/{ALICE['id']}/id-reader/inherited"


def test_what_a_role_implies_is_read_and_given_to_a_new_one(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    reader = {"id": "id-reader", "name": "reader"}
    cloud.rows["identity", "role_inferences"] = [{"prior_role": {"id": "id-member"}, "implies": [reader]}]
    driver = resources.kind(ResourceKind.ROLE)
    [member] = driver.named(["id-member"])
    assert member.fields["implies"] == [ref(ResourceKind.ROLE, "id-reader")]
    made = driver.create(TENANT, "boss", {**member.fields, "implies": ["id-reader"]})
    assert ("PUT", f"/roles/{made}/implies/id-reader") in [(each.method, each.path) for each in cloud.written]
    cloud.written.clear()
    # what a crash has cut off is brought, and nothing is sent that is there already
    driver.update("id-member", {"implies": ["id-reader", "id-boss"]})
    driver.update("id-member", {"implies": []})
    assert [(each.method, each.path) for each in cloud.written] == [
        ("PUT", "/roles/id-member/implies/id-boss"),
        ("DELETE", "/roles/id-member/implies/id-reader"),
    ]


def test_an_immutable_role_is_made_so_and_can_still_be_rolled_back(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    driver = resources.kind(ResourceKind.ROLE)
    made = driver.create(TENANT, "auditor", {"description": "d", "domain": None, "immutable": True})
    assert cloud.bodies("POST", "/roles") == [
        {"role": {"name": "auditor", "description": "d", "options": {"immutable": True}}}
    ]
    driver.delete(made)
    assert [(each.method, each.path) for each in cloud.written[1:]] == [
        ("PATCH", f"/roles/{made}"),
        ("DELETE", f"/roles/{made}"),
    ]


def test_domains_are_never_made(resources: OpenStackResources) -> None:
    driver = resources.kind(ResourceKind.DOMAIN)
    assert {each.name for each in driver.candidates(TENANT, [])} == {"Default", "two"}
    for refused in (
        lambda: driver.create("", "x", {}),
        lambda: driver.delete("d2"),
        lambda: driver.update("d2", {}),
    ):
        with pytest.raises(ConflictError, match="belongs to the cloud's operator"):
            refused()


def test_an_inventory_follows_what_is_referred_to_and_tells_what_is_not_there(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    cloud.rows["identity", "roles"] = [
        row for row in cloud.rows["identity", "roles"] if row["name"] != "reader"
    ]
    cloud.more_services = {"orchestration": "/heat/v1/x", "key-manager": "/barbican"}
    cloud.replies["GET", "identity/OS-TRUST/trusts"] = (200, {"trusts": []})
    cloud.replies["GET", "identity/credentials"] = (200, {"credentials": []})
    found = resources.inventory(TENANT)
    kinds = {each.kind for each in found.resources}
    assert {
        ResourceKind.DOMAIN,
        ResourceKind.ROLE,
        ResourceKind.PROJECT,
        ResourceKind.GROUP,
        ResourceKind.USER,
    } <= kinds
    assert [each.name for each in found.of(ResourceKind.ROLE)] == ["member"]
    assert any("role/id-reader" in each for each in found.gaps)
    assert any("stacks (Heat)" in each for each in found.gaps)
    assert any("secrets (Barbican)" in each for each in found.gaps)
    order = [each.kind for each in found.resources]
    assert order == sorted(order, key=list(ResourceKind).index)


def test_an_inventory_of_some_kinds_asks_for_these_and_what_they_refer_to(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    found = resources.inventory(TENANT, [ResourceKind.ASSIGNMENT])
    kinds = {each.kind for each in found.resources}
    assert {ResourceKind.ASSIGNMENT, ResourceKind.USER, ResourceKind.GROUP, ResourceKind.ROLE} <= kinds
    # nothing else is asked: the simulated cloud answers 404 to it
    project = resources.inventory(TENANT, [ResourceKind.PROJECT])
    assert {each.kind for each in project.resources} == {ResourceKind.PROJECT, ResourceKind.DOMAIN}


def test_credentials_are_listed_with_words_for_their_owners_and_without_secrets(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    cloud.rows["identity", f"app-{ALICE['id']}"] = [
        {"id": "app1", "name": "deploy", "user_id": ALICE["id"], "project_id": TENANT, "roles": [{"name": "member"}], "expires_at": None, "secret": "never"},
        {"id": "app2", "name": "elsewhere", "user_id": ALICE["id"], "project_id": "f" * 32, "roles": []},
    ]  # fmt: skip
    cloud.replies["GET", "identity/OS-TRUST/trusts"] = (200, {"trusts": []})
    cloud.replies["GET", "identity/credentials"] = (
        200, {"credentials": [{"user_id": ALICE["id"], "project_id": TENANT, "blob": '{"secret": "never"}'}]},
    )  # fmt: skip
    found: list[Any] = of(resources, ResourceKind.CREDENTIAL)
    assert sorted(each.id for each in found) == ["application_credential/app1", f"ec2/{ALICE['id']}"]
    assert "alice makes application credential 'deploy'" in found[0].notes["remarks"][0]
    assert "never" not in repr(found)


def test_what_a_tenant_has_in_services_that_are_left_out_is_counted(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    cloud.more_services = {
        "load-balancer": "/placement/lb",
        "sharev2": "/placement/nfs",
        "dns": "/placement/dns",
    }
    balancers = [
        {"id": "1", "project_id": TENANT},
        {"id": "2", "project_id": TENANT},
        {"id": "3", "project_id": "f" * 32},
    ]
    cloud.replies["GET", "placement/lb/v2.0/lbaas/loadbalancers"] = (200, {"loadbalancers": balancers})
    cloud.replies["GET", "placement/dns/v2/zones"] = (200, {"zones": []})
    cloud.replies["GET", "placement/nfs/shares/detail"] = (
        403,
        {"forbidden": {"message": "Policy does not allow"}},
    )
    unmoved = resources._unmoved.sentences(TENANT)
    assert unmoved[0] == "2 load balancers (Octavia) of the tenant are not moved"
    assert "shared file systems (Manila)" in unmoved[1]
    assert "could not be counted" in unmoved[1]
    assert len(unmoved) == 2


def test_behind_a_fence_people_look_as_before(cloud: ResourceCloud, resources: OpenStackResources) -> None:
    kinds = (ResourceKind.USER, ResourceKind.GROUP)
    holders = sorted({each.fields["holder"]["$ref"] for each in of(resources, ResourceKind.ASSIGNMENT)})
    before = {kind: of(resources, kind) for kind in kinds}
    cloud.assignments.clear()
    for kind in kinds:
        driver = resources.kind(kind)
        assert isinstance(driver, HeldBy)
        assert driver.of_tenant(TENANT) == []
        assert driver.held_by(TENANT, [*holders, f"user/{OURS}"]) == before[kind]


def test_a_user_is_made_where_keystone_breaks_off_without_a_password(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    option = "ignore_change_password_upon_first_use"

    def strict(request: Request) -> bool:
        return (
            request.method == "POST"
            and request.path == "/users"
            and not request.body["user"]["options"].get(option)
        )

    cloud.faults.append(Fault(500, while_=lambda: True, hits=strict))
    bob = next(each for each in of(resources, ResourceKind.USER) if each.name == "bob")
    made = resources.kind(ResourceKind.USER).create(TENANT, "bob2", bob.fields)
    assert cloud.bodies("PATCH", f"/users/{made}") == [{"user": {"options": {option: None}}}]
    cloud.faults.append(
        Fault(
            409,
            hits=lambda request: (
                request.method == "POST" and request.path == "/users" and not strict(request)
            ),
        )
    )
    with pytest.raises(CloudFaultError, match="500"):
        resources.kind(ResourceKind.USER).create(TENANT, "bob3", bob.fields)
