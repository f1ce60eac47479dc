"""EC2 credentials against a simulated Keystone: read without their secrets, made with them, never twice."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.resource import ResourceKind, plain
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.once import reading_once
from pumphouse.drivers.openstack.resources.ec2_key import Ec2Keys
from pumphouse.drivers.openstack.resources.resources import OpenStackResources
from pumphouse.ports.resources import Secret
from tests.fakes.clock import FakeClock
from tests.unit.openstack.resource_cloud import TENANT, ResourceCloud, assigned, person

ANN = person("1" * 32, "ann")
SECRET = "open-sesame-4711"


def row(access: str, **more: Any) -> dict[str, Any]:
    blob = {"access": access, "secret": SECRET, **more}
    return {
        "id": sha256(access.encode()).hexdigest(), "type": "ec2", "user_id": ANN["id"], "project_id": TENANT, "blob": json.dumps(blob),
    }  # fmt: skip


@pytest.fixture
def cloud() -> Iterator[ResourceCloud]:
    with ResourceCloud() as made:
        made.rows["identity", "users"] = [ANN]
        made.rows["identity", "credentials"] = [
            row("AKIA"),
            row("OF-TRUST", trust_id="t"),
            row("ELSEWHERE") | {"project_id": "f" * 32},
        ]
        made.assignments = [assigned("member", ANN)]
        yield made


@pytest.fixture
def driver(cloud: ResourceCloud) -> Iterator[Ec2Keys]:
    resources = OpenStackResources("old", CloudSettings("sim", "password", cloud.auth), FakeClock())
    found = resources.kind(ResourceKind.EC2_KEY)
    assert isinstance(found, Ec2Keys)
    yield found
    resources.close()


def test_those_of_the_tenant_are_read_and_their_secrets_kept_out(driver: Ec2Keys) -> None:
    (key,) = driver.of_tenant(TENANT)
    assert (key.name, key.id, key.owner) == ("AKIA", row("AKIA")["id"], TENANT)
    assert plain(key.fields)["user"] == ANN["id"]
    assert SECRET not in repr(key)
    secret = driver.secret(key.id)
    assert secret.text == SECRET
    assert SECRET not in repr(secret)
    assert driver.named([key.id]) == [key]
    assert driver.candidates(TENANT, [key]) == [key]
    assert driver.candidates("f" * 32, [key]) == []
    with pytest.raises(NotFoundError):
        driver.secret("0" * 64)


def test_it_is_made_once_with_the_same_secret(cloud: ResourceCloud, driver: Ec2Keys) -> None:
    (source,) = driver.of_tenant(TENANT)
    cloud.rows["identity", "credentials"].clear()
    made = driver.create_with(TENANT, "AKIA", source.fields, Secret(SECRET))
    assert made == source.id
    assert driver.of_tenant(TENANT) == [source]
    # an answer that was lost: it is there by now
    assert driver.create_with(TENANT, "AKIA", source.fields, Secret(SECRET)) == made
    with pytest.raises(ConflictError, match="another credential with access key AKIA") as refused:
        driver.create_with(TENANT, "AKIA", source.fields, Secret("another"))
    assert 'another"' not in str(refused.value)
    driver.delete(made)
    assert [each.path for each in cloud.written if each.method == "DELETE"] == [f"/credentials/{made}"]


def test_it_cannot_be_made_or_changed_otherwise(driver: Ec2Keys) -> None:
    (source,) = driver.of_tenant(TENANT)
    with pytest.raises(ConflictError, match="without its secret"):
        driver.create(TENANT, "AKIA", source.fields)
    with pytest.raises(ConflictError, match="belongs to its owner"):
        driver.update(source.id, {})


def test_all_who_read_at_once_share_one_list(cloud: ResourceCloud, driver: Ec2Keys) -> None:
    """The drivers of moved and of listed credentials ask for the same."""

    def lists() -> int:
        return sum(each.method == "GET" and each.path == "/credentials" for each in cloud.log)

    with reading_once():
        assert driver.of_tenant(TENANT) == driver.of_tenant(TENANT)
    assert lists() == 1
    driver.of_tenant(TENANT)
    assert lists() == 2, "what has just been written must be seen"
