"""The drivers of quotas, flavors, keypairs, server groups, volume types and zones, and what limits a tenant, against a simulated cloud of either release."""

from collections.abc import Iterator
from typing import Any

import pytest

from pumphouse.domain.errors import CloudFaultError, ConflictError, CredentialsError, DeadlineError
from pumphouse.domain.resource import Resource, ResourceKind, ref
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.resources.resources import OpenStackResources
from pumphouse.drivers.openstack.resources.waiting import until
from tests.fakes.clock import FakeClock
from tests.simulated.server import Fault
from tests.unit.openstack.resource_cloud import OURS, TENANT, ResourceCloud, assigned, person

ALICE = person("1" * 32, "alice")
NOVA = {"cores": 20, "instances": 10, "ram": 51200, "key_pairs": 100}
CINDER = {
    "volumes": 10,
    "gigabytes": 1000,
    "per_volume_gigabytes": -1,
    "volumes_fast": -1,
    "gigabytes_fast": -1,
    "groups": 10,
}
SMALL = {
    "id": "1", "name": "small", "vcpus": 1, "ram": 512, "disk": 1, "OS-FLV-EXT-DATA:ephemeral": 0, "swap": 0, "rxtx_factor": 1.0,
    "os-flavor-access:is_public": True, "description": None, "extra_specs": {"hw:a": "b"}, "OS-FLV-DISABLED:disabled": True,
}  # fmt: skip
OWN = {
    **SMALL,
    "id": "own-id",
    "name": "own",
    "os-flavor-access:is_public": False,
    "extra_specs": {},
    "OS-FLV-DISABLED:disabled": False,
}
GONE = {
    "vcpus": 3,
    "ram": 777,
    "disk": 5,
    "ephemeral": 2,
    "swap": 64,
    "original_name": "gone",
    "extra_specs": {"x": "y"},
}


@pytest.fixture(params=["2.95", "2.104"])
def cloud(request: pytest.FixtureRequest) -> Iterator[ResourceCloud]:
    """The highest microversions of 2023.1 and 2026.2."""
    with ResourceCloud(nova=request.param) as made:
        made.rows["identity", "projects"] = [person(TENANT, "shop")]
        made.rows["identity", "users"] = [dict(ALICE), person(OURS, "admin")]
        made.rows["identity", "roles"] = [{"id": "id-admin", "name": "admin", "domain_id": None}]
        made.assignments = [assigned("member", ALICE)]
        made.rows["block-storage", "types"] = [
            {"id": "type-1", "name": "fast"},
            {"id": "type-2", "name": "fast_too"},
        ]
        made.rows["compute", "flavors"] = [dict(SMALL), dict(OWN)]
        made.rows["compute", "servers"] = [
            {"id": f"server-{number}", "old": {"id": flavor}, "new": embedded}
            for number, (flavor, embedded) in enumerate([("1", {"vcpus": 1}), ("own-id", {"vcpus": 1}), ("lost", GONE), ("lost", GONE)])
        ]  # fmt: skip
        made.access = {"own-id": [TENANT, "f" * 32]}
        for path, key, limits in (
            (f"compute/os-quota-sets/{TENANT}", "quota_set", {**NOVA, "cores": 50, "id": TENANT}),
            (f"compute/os-quota-sets/{TENANT}/defaults", "quota_set", NOVA),
            (f"network/quotas/{TENANT}", "quota", {"network": 100, "port": -1}),
            (f"network/quotas/{TENANT}/default", "quota", {"network": 100, "port": 500}),
            (
                f"block-storage/os-quota-sets/{TENANT}",
                "quota_set",
                {**CINDER, "volumes": 12, "gigabytes_fast": 5},
            ),
            (f"block-storage/os-quota-sets/{TENANT}/defaults", "quota_set", CINDER),
        ):
            made.replies["GET", path] = (200, {key: limits})
        yield made


BORIS = "b0" * 16


@pytest.fixture
def resources(cloud: ResourceCloud) -> Iterator[OpenStackResources]:
    made = OpenStackResources("old", CloudSettings("sim", "password", cloud.auth), FakeClock())
    yield made
    made.close()


def of(resources: OpenStackResources, kind: ResourceKind) -> list[Resource]:
    return list(resources.kind(kind).of_tenant(TENANT))


def test_of_quotas_only_what_differs_from_the_defaults_is_copied(resources: OpenStackResources) -> None:
    found = {each.name: each for each in of(resources, ResourceKind.QUOTA)}
    assert found["nova"].fields == {"limits": {"cores": 50}, "by_type": []}
    assert found["neutron"].fields["limits"] == {"port": -1}
    fast = ref(ResourceKind.VOLUME_TYPE, "type-1")
    assert found["cinder"].fields == {
        "limits": {"volumes": 12},
        "by_type": [{"type": fast, "name": "gigabytes", "limit": 5}],
    }
    assert found["nova"].id == f"nova/{TENANT}"
    assert found["nova"].notes["effective"]["ram"] == 51200


def test_quotas_of_a_counterpart_show_all_that_holds_and_have_the_same_version(
    resources: OpenStackResources,
) -> None:
    nova = next(each for each in of(resources, ResourceKind.QUOTA) if each.name == "nova")
    driver = resources.kind(ResourceKind.QUOTA)
    (there,) = driver.candidates(TENANT, [nova])
    assert there.fields["limits"] == {**NOVA, "cores": 50}
    assert there.version == nova.version
    assert driver.candidates("", [nova]) == []


def test_quotas_are_set_by_the_names_of_the_destination_s_types(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    driver = resources.kind(ResourceKind.QUOTA)
    typed = [{"type": ref(ResourceKind.VOLUME_TYPE, "type-2"), "name": "gigabytes", "limit": 5}]
    assert (
        driver.create(TENANT, "cinder", {"limits": {"volumes": 12}, "by_type": typed}) == f"cinder/{TENANT}"
    )
    assert cloud.bodies("PUT", f"/os-quota-sets/{TENANT}") == [
        {"quota_set": {"volumes": 12, "gigabytes_fast_too": 5}}
    ]
    driver.update(f"nova/{TENANT}", {"limits": {"cores": 1}})
    assert cloud.bodies("PUT", f"/os-quota-sets/{TENANT}")[1] == {"quota_set": {"cores": 1, "force": True}}
    driver.delete(f"nova/{TENANT}")
    assert (cloud.written[-1].method, cloud.written[-1].service) == ("DELETE", "compute")


def test_flavors_are_those_of_the_servers_and_a_deleted_one_is_made_from_their_copy(
    resources: OpenStackResources,
) -> None:
    found = {each.name: each for each in of(resources, ResourceKind.FLAVOR)}
    assert sorted(found) == ["gone", "own", "small"]
    assert found["small"].fields["extra_specs"] == {"hw:a": "b"}
    assert "disabled" in found["small"].notes["remarks"][0]
    assert found["own"].fields["access"] == [ref(ResourceKind.PROJECT, TENANT)]
    gone = found["gone"]
    assert gone.id == gone.fields["flavor_id"] == "lost"
    assert (gone.fields["vcpus"], gone.fields["ram"], gone.fields["swap"], gone.fields["is_public"]) == (
        3,
        777,
        64,
        False,
    )
    assert found["small"].fields.keys() == gone.fields.keys()


def test_a_flavor_keeps_its_id_only_where_it_is_free(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    driver = resources.kind(ResourceKind.FLAVOR)
    found = {each.name: each for each in of(resources, ResourceKind.FLAVOR)}
    assert driver.create(TENANT, "gone", found["gone"].fields) != "1"
    assert driver.create(TENANT, "small2", found["small"].fields) != "1"
    first, second = (each["flavor"] for each in cloud.bodies("POST", "/flavors"))
    assert (first["id"], first["os-flavor-access:is_public"], second["id"]) == ("lost", False, None)
    assert {"addTenantAccess": {"tenant": TENANT}} in [each.body for each in cloud.written]
    assert {"extra_specs": {"x": "y"}} in [each.body for each in cloud.written]
    assert all(
        tuple(map(int, each.microversion.split("."))) < (2, 102)
        for each in cloud.written
        if each.service == "compute"
    )


def test_access_that_is_there_already_is_no_conflict(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    cloud.faults.append(Fault(409, hits=lambda request: request.path.endswith("/action")))
    resources.kind(ResourceKind.FLAVOR).update("own-id", {"access": [ref(ResourceKind.PROJECT, TENANT)]})
    assert cloud.faults[0].times == 0


def test_keypairs_are_read_page_by_page_and_made_for_their_user(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    cloud.page_limit = 2
    cloud.keys = {
        ALICE["id"]: [{"name": f"key {n}", "public_key": f"ssh-rsa {n}", "type": "x509" if n else "ssh", "fingerprint": "f"} for n in range(5)],
        OURS: [{"name": "ours", "public_key": "ssh-rsa x"}],
    }  # fmt: skip
    found = of(resources, ResourceKind.KEYPAIR)
    assert [each.name for each in found] == [f"key {n}" for n in range(5)]
    assert found[1].fields == {
        "user": ref(ResourceKind.USER, ALICE["id"]),
        "type": "x509",
        "public_key": "ssh-rsa 1",
    }
    driver = resources.kind(ResourceKind.KEYPAIR)
    assert driver.create(TENANT, "key 1", found[1].fields) == found[1].id == f"{ALICE['id']}/key 1"
    (body,) = cloud.bodies("POST", "/os-keypairs")
    assert body["keypair"] == {
        "name": "key 1",
        "type": "x509",
        "public_key": "ssh-rsa 1",
        "user_id": ALICE["id"],
    }
    driver.delete(found[1].id)
    gone = cloud.written[-1]
    assert (gone.path, gone.query["user_id"]) == ("/os-keypairs/key%201", [ALICE["id"]])


def test_a_keypair_of_that_name_is_a_conflict(cloud: ResourceCloud, resources: OpenStackResources) -> None:
    cloud.faults.append(
        Fault(409, hits=lambda request: request.method == "POST" and request.service == "compute")
    )
    fields = {"user": ref(ResourceKind.USER, ALICE["id"]), "type": "ssh", "public_key": "k"}
    with pytest.raises(ConflictError, match="keypair k of user"):
        resources.kind(ResourceKind.KEYPAIR).create(TENANT, "k", fields)


def test_a_keypair_is_found_by_its_user_who_has_no_role_in_the_tenant_yet(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    cloud.keys = {BORIS: [{"name": "k", "public_key": "ssh-rsa x"}]}
    fields = {"user": ref(ResourceKind.USER, BORIS), "type": "ssh", "public_key": "ssh-rsa x"}
    wanted = Resource(ResourceKind.KEYPAIR, "boris-in-the-source/k", "k", fields)
    assert not of(resources, ResourceKind.KEYPAIR)
    (found,) = resources.kind(ResourceKind.KEYPAIR).candidates(TENANT, [wanted])
    assert (found.id, found.fields) == (f"{BORIS}/k", fields)


@pytest.mark.parametrize(
    ("row", "most"),
    [
        ({"policy": "anti-affinity", "rules": {"max_server_per_host": "3"}}, 3),
        ({"policies": ["anti-affinity"], "metadata": {}}, None),
    ],
)
def test_server_groups_are_read_in_either_shape(
    cloud: ResourceCloud, resources: OpenStackResources, row: Any, most: int | None
) -> None:
    cloud.rows["compute", "os-server-groups"] = [
        {"id": "g1", "name": "", "project_id": TENANT, "members": ["b", "a"], **row},
        {"id": "g2", "name": "other", "project_id": "f" * 32, "members": [], **row},
    ]
    (found,) = of(resources, ResourceKind.SERVER_GROUP)
    assert (found.id, found.name, found.fields) == (
        "g1",
        "",
        {"policy": "anti-affinity", "max_server_per_host": most},
    )


def test_a_server_group_is_made_from_inside_the_tenant_which_is_left_again(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    grant = f"/projects/{TENANT}/users/{OURS}/roles/id-admin"
    driver = resources.kind(ResourceKind.SERVER_GROUP)
    driver.create(TENANT, "spread", {"policy": "anti-affinity", "max_server_per_host": 2})
    driver.create(TENANT, "near", {"policy": "affinity", "max_server_per_host": None})
    first, second = cloud.bodies("POST", "/os-server-groups")
    assert first["server_group"] == {
        "name": "spread",
        "policy": "anti-affinity",
        "rules": {"max_server_per_host": 2},
    }
    assert second["server_group"] == {"name": "near", "policy": "affinity"}
    scopes = [each.body["auth"].get("scope") for each in cloud.log if each.path == "/auth/tokens"]
    assert {"project": {"id": TENANT}} in scopes
    assert [each.path for each in cloud.written if each.method == "PUT"] == [grant]
    resources.leave(TENANT)
    assert (cloud.written[-1].method, cloud.written[-1].path) == ("DELETE", grant)
    resources.leave(OURS)
    assert cloud.written[-1].path == grant


def test_nobody_enters_a_tenant_with_an_application_credential(cloud: ResourceCloud) -> None:
    from pumphouse.drivers.openstack.resources.reach import Insides
    from pumphouse.drivers.openstack.transport import Transport

    settings = CloudSettings("sim", "v3applicationcredential", {"auth_url": cloud.url})
    http = Transport("old", settings, FakeClock())
    with pytest.raises(CredentialsError, match="no token for tenant"):
        Insides(http, FakeClock()).of(TENANT)
    http.close()


def test_types_and_zones_are_only_looked_up(cloud: ResourceCloud, resources: OpenStackResources) -> None:
    cloud.replies["GET", "network/availability_zones"] = (
        200, {"availability_zones": [{"name": "nova", "state": "available", "resource": r} for r in ("router", "network")]},
    )  # fmt: skip
    types = resources.kind(ResourceKind.VOLUME_TYPE)
    assert [each.name for each in types.named(["type-2"])] == ["fast_too"]
    zones = resources.kind(ResourceKind.ZONE)
    assert [each.id for each in zones.named(["network/nova", "compute/nova", "compute/none"])] == [
        "compute/nova",
        "network/nova",
    ]
    with pytest.raises(ConflictError):
        types.create(TENANT, "x", {})


def test_room_tells_limits_addresses_and_pools_and_what_it_could_not_learn(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    cloud.rows["network", "networks"] = [{"id": "ext"}]
    cloud.replies["GET", "network/network-ip-availabilities"] = (
        200, {"network_ip_availabilities": [
            {"network_id": "ext", "network_name": "public", "total_ips": 2**70, "used_ips": 3},
            {"network_id": "inner", "network_name": "x", "total_ips": 1, "used_ips": 1},
        ]},
    )  # fmt: skip
    cloud.replies["GET", "block-storage/scheduler-stats/get_pools"] = (
        200, {"pools": [{"name": "h@nfs#nfs", "capabilities": {"total_capacity_gb": 10.0, "free_capacity_gb": "unknown"}}]},
    )  # fmt: skip
    cloud.replies["GET", f"compute/os-quota-sets/{TENANT}/detail"] = (
        200,
        {"quota_set": {"cores": {"limit": 20, "in_use": 4, "reserved": 0}}},
    )
    cloud.replies["GET", f"network/quotas/{TENANT}/details"] = (
        200,
        {"quota": {"port": {"limit": -1, "used": 2, "reserved": 1}}},
    )
    cloud.replies["GET", f"block-storage/os-quota-sets/{TENANT}"] = (403, {"forbidden": {"message": "no"}})
    room = resources.room(TENANT)
    ext = room["addresses"]["ext"]
    assert (ext["name"], ext["total"], ext["free"]) == ("", 2**70, 2**70 - 3)
    assert set(room["addresses"]) == {"ext"}
    assert room["volume_pools"] == [
        {"name": "h@nfs#nfs", "backend": "", "total_bytes": 10 << 30, "free_bytes": None}
    ]
    assert room["quotas"]["nova"] == {"cores": {"limit": 20, "used": 4}}
    assert room["quotas"]["neutron"] == {"port": {"limit": -1, "used": 3}}
    assert [each.split(":")[0] for each in room["gaps"]] == ["quotas of cinder"]
    assert resources.room("")["quotas"] == {}


def test_waiting_ends_with_what_it_waited_for_or_with_its_deadline() -> None:
    clock, seen = FakeClock(), iter([None, None, "there"])
    assert until(clock, "it", lambda: next(seen), 60) == "there"
    with pytest.raises(DeadlineError, match="waited 60 s in vain for it"):
        until(clock, "it", lambda: None, 60)


def test_candidates_of_several_kinds_are_those_of_each(
    cloud: ResourceCloud, resources: OpenStackResources
) -> None:
    kinds = (ResourceKind.QUOTA, ResourceKind.FLAVOR, ResourceKind.VOLUME_TYPE)
    wanted = {
        ResourceKind.QUOTA: of(resources, ResourceKind.QUOTA),
        ResourceKind.FLAVOR: resources.kind(ResourceKind.FLAVOR).named(["1"]),
        ResourceKind.VOLUME_TYPE: resources.kind(ResourceKind.VOLUME_TYPE).named(["type-1"]),
    }
    found = resources.candidates(TENANT, wanted)
    assert found == {kind: resources.kind(kind).candidates(TENANT, wanted[kind]) for kind in kinds}
    assert all(found.values())


def test_who_is_expected_has_logged_in_once(cloud: ResourceCloud, resources: OpenStackResources) -> None:
    resources.expect()
    assert of(resources, ResourceKind.QUOTA)
    assert [r.path for r in cloud.log if r.path.endswith("/auth/tokens")] == ["/auth/tokens"]


def test_a_cloud_that_is_down_is_told_to_who_asks_not_to_who_expects() -> None:
    with ResourceCloud() as gone:
        auth = gone.auth
    lost = OpenStackResources(
        "old", CloudSettings("sim", "password", auth, connect_s=0.2, read_s=0.2), FakeClock()
    )
    lost.expect()
    with pytest.raises(CloudFaultError):
        lost.kind(ResourceKind.FLAVOR)
    lost.close()
