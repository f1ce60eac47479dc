"""What is asked of Keystone, Nova, Cinder and Neutron about a tenant, and that asking again does no harm."""

import pytest

from pumphouse.domain.errors import CloudFaultError, CredentialsError, InvalidInputError, NotFoundError
from pumphouse.domain.tenant import Grant, HolderKind, Place
from pumphouse.drivers.openstack.tenants import OpenStackTenants
from tests.simulated.content import PROJECT, uid
from tests.simulated.server import Fault, SimulatedCloud
from tests.unit.openstack.test_tenants import reply

MEMBER = Grant(HolderKind.USER, "u1", "r-member", Place.PROJECT, "p1")
INHERITED = Grant(HolderKind.GROUP, "g1", "r-member", Place.DOMAIN, "default", inherited=True)


# -- writing


@pytest.mark.parametrize(
    ("grant", "path"),
    [
        (MEMBER, "/projects/p1/users/u1/roles/r-member"),
        (INHERITED, "/OS-INHERIT/domains/default/groups/g1/roles/r-member/inherited_to_projects"),
        (Grant(HolderKind.GROUP, "g1", "r-admin", Place.SYSTEM, "all"), "/system/groups/g1/roles/r-admin"),
    ],
)
def test_where_an_assignment_is(
    sim: SimulatedCloud, tenants: OpenStackTenants, grant: Grant, path: str
) -> None:
    reply(sim, "groups/g1", group={"id": "g1"})
    sim.replies["GET", f"identity{path}"] = (204, None)
    assert tenants.has_grant(grant)
    sim.replies["GET", f"identity{path}"] = (404, {"error": {"message": "Could not find role assignment"}})
    assert not tenants.has_grant(grant)
    tenants.add_grant(grant)
    sim.replies["DELETE", f"identity{path}"] = (404, {"error": {"message": "Could not find role assignment"}})
    tenants.remove_grant(grant)
    assert [(r.method, r.path) for r in sim.log if r.method in ("PUT", "DELETE")] == [
        ("PUT", path),
        ("DELETE", path),
    ]


def test_nobody_gets_no_inherited_assignment(sim: SimulatedCloud, tenants: OpenStackTenants) -> None:
    sim.replies["GET", "identity/groups/g1"] = (404, {"error": {"message": "Could not find group"}})
    with pytest.raises(NotFoundError):
        tenants.add_grant(INHERITED)
    assert not [request for request in sim.log if request.method == "PUT"]


@pytest.mark.parametrize("there", [True, False])
def test_a_lost_answer_to_a_grant_is_looked_up(
    sim: SimulatedCloud, tenants: OpenStackTenants, there: bool
) -> None:
    sim.replies["GET", "identity/projects/p1/users/u1/roles/r-member"] = (204, None) if there else (404, {})
    sim.faults.append(Fault(504, times=2, hits=lambda request: request.method in ("PUT", "DELETE")))
    if there:
        tenants.add_grant(MEMBER)
        with pytest.raises(CloudFaultError):
            tenants.remove_grant(MEMBER)
    else:
        with pytest.raises(CloudFaultError):
            tenants.add_grant(MEMBER)
        tenants.remove_grant(MEMBER)


def test_a_probing_user_is_made_or_gets_a_new_password(
    sim: SimulatedCloud, tenants: OpenStackTenants
) -> None:
    sim.replies["POST", "identity/users"] = (201, {"user": {"id": "u9"}})
    reply(sim, "users", users=[{"id": "u8", "name": "probe-1x"}])
    assert tenants.make_user("probe-1", "pw-1") == "u9"
    reply(sim, "users", users=[{"id": "u9", "name": "probe-1"}, {"id": "u7", "name": "PROBE-2"}])
    assert tenants.make_user("probe-1", "pw-2") == "u9"
    bodies = [
        (r.method, r.body["user"]) for r in sim.log if r.path.startswith("/users") and r.method != "GET"
    ]
    assert bodies[0][1]["domain_id"] == "default"
    assert bodies[1] == ("PATCH", {"password": "pw-2", "enabled": True})
    assert tenants.find_users("probe-") == {"u9": "probe-1"}
    assert tenants.our_user_id() == PROJECT


def test_a_domain_that_cannot_be_written_is_said(sim: SimulatedCloud, tenants: OpenStackTenants) -> None:
    reply(sim, "users", users=[])
    sim.replies["POST", "identity/users"] = (403, {"error": {"message": "LDAP is read only"}})
    with pytest.raises(CredentialsError, match="domain default of our own user") as caught:
        tenants.make_user("probe-1", "pw-sesame")
    assert "pw-sesame" not in str(caught.value)
    assert "LDAP" in caught.value.hint


# -- belongings


def test_servers_with_their_locks(sim: SimulatedCloud, tenants: OpenStackTenants) -> None:
    sim.page_limit = 15
    found = list(tenants.tenant_servers(PROJECT))
    assert len(found) == 40
    assert {server.id for server in found if server.locked} == {uid("server", 0)}
    wanted = next(r for r in sim.log if r.path == "/servers/detail")
    assert (wanted.query["project_id"], wanted.query["all_tenants"]) == ([PROJECT], ["1"])
    assert tenants.server_counts() == {PROJECT: 40}
    assert tenants.tenant_server("gone") is None


def test_locks_and_lost_answers(sim: SimulatedCloud, tenants: OpenStackTenants) -> None:
    tenants.lock_server("s1", "r" * 300)
    tenants.unlock_server("s1")
    sent = [(r.body, r.microversion) for r in sim.log if r.path == "/servers/s1/action"]
    assert sent == [({"lock": {"locked_reason": "r" * 255}}, "2.73"), ({"unlock": None}, "2.73")]
    sim.faults.append(
        Fault(504, times=2, hits=lambda request: request.method == "POST" and request.service == "compute")
    )
    tenants.lock_server(uid("server", 0), "why")  # this one is locked
    with pytest.raises(CloudFaultError):
        tenants.lock_server(uid("server", 1), "why")


def test_quotas_of_three_services(sim: SimulatedCloud, tenants: OpenStackTenants) -> None:
    sim.replies["GET", "compute/os-quota-sets/p1/detail"] = (200, {"quota_set": {"id": "p1", "cores": {"limit": 20, "in_use": 3, "reserved": 1}}})  # fmt: skip
    sim.replies["GET", "network/quotas/p1/details"] = (200, {"quota": {"port": {"limit": -1, "used": 7, "reserved": 0}}})  # fmt: skip
    sim.replies["GET", "block-storage/os-quota-sets/p1"] = (200, {"quota_set": {"volumes": {"limit": 10, "in_use": 2, "reserved": 0}, "id": "p1"}})  # fmt: skip
    assert [tenants.quotas(s, "p1") for s in ("nova", "neutron", "cinder")] == [{"cores": 20}, {"port": -1}, {"volumes": 10}]  # fmt: skip
    assert [tenants.usage(s, "p1") for s in ("nova", "neutron", "cinder")] == [{"cores": 4}, {"port": 7}, {"volumes": 2}]  # fmt: skip
    for service in ("nova", "neutron", "cinder"):
        tenants.set_quotas(service, "p1", {"x": 1})
        tenants.set_quotas(service, "p1", {})
    assert [(r.path, r.body) for r in sim.log if r.method == "PUT"] == [
        ("/os-quota-sets/p1", {"quota_set": {"x": 1, "force": True}}), ("/quotas/p1", {"quota": {"x": 1}}),
        ("/os-quota-sets/p1", {"quota_set": {"x": 1}}),
    ]  # fmt: skip
    with pytest.raises(InvalidInputError):
        tenants.quotas("swift", "p1")


def test_a_cloud_without_some_services(
    sim: SimulatedCloud, tenants: OpenStackTenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.simulated import server as simulated

    roots = {kind: root for kind, root in simulated.ROOTS.items() if kind in ("identity", "image")}
    monkeypatch.setattr(simulated, "ROOTS", roots)
    assert tenants.service_types() == ["identity", "image"]
    assert tenants.tenant_counts("p1") == {"images": 0}
    assert list(tenants.tenant_servers("p1")) == []
    assert tenants.server_counts() == {}
    assert tenants.quotas("nova", "p1") == {}
