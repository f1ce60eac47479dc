"""The fake of tenants behaves as Keystone does where a fence depends on it."""

from dataclasses import replace

import pytest

from pumphouse.domain.errors import AmbiguousError, CloudFaultError, NotFoundError
from pumphouse.domain.tenant import Grant, HolderKind, Place, Source
from tests.fakes.tenants import FakeTenants


def test_roles_come_from_groups_inheritance_and_implication() -> None:
    cloud = FakeTenants("old")
    domain = cloud.add_domain("corp")
    parent = cloud.add_project("parent", domain=domain)
    project = cloud.add_project("p", domain=domain, parent=parent.id)
    ann, bob, cy, dan = (cloud.add_user(name) for name in ("ann", "bob", "cy", "dan"))
    cloud.give(cloud.add_group("eng", ann), "member", project)
    cloud.give(bob, "reader", parent, inherited=True)
    cloud.give(cy, "member", parent)
    cloud.give(dan, "admin", domain)
    assert cloud.may(ann, project) == {"member", "reader"}
    assert cloud.may(bob, project) == {"reader"}
    assert cloud.may(bob, parent) == set()
    assert cloud.may(cy, project) == set()
    found = {(r.user_name, r.role_name): r for r in cloud.effective(project.id)}
    assert found["ann", "reader"].sources == {Source.GROUP, Source.IMPLIED}
    assert found["bob", "reader"].via == "inherited from project parent"
    assert found["dan", "admin"].sources == {Source.DOMAIN}
    assert found["admin", "admin"].sources == {Source.SYSTEM}
    assert ("cy", "member") not in found


def test_credentials_and_trusts_sleep_and_die() -> None:
    cloud = FakeTenants("old", expand_credentials=False)
    project = cloud.add_project("p")
    ann, bob = cloud.add_user("ann"), cloud.add_user("bob")
    member = cloud.give(ann, "member", project)
    weak, strong = (
        cloud.add_credential(ann, project, "member"),
        cloud.add_credential(ann, project, "member", "reader"),
    )
    trust = cloud.add_trust(ann, bob, project, "member")
    cloud.give(ann, "reader", project)
    cloud.remove_grant(member)
    assert (cloud.can_authenticate(weak), cloud.can_authenticate(strong)) == (False, True)
    assert cloud.token_roles(strong) == {"reader"}
    assert not cloud.can_use_trust(trust)
    cloud.add_grant(member)
    assert cloud.can_authenticate(weak)
    assert cloud.can_use_trust(trust)
    cloud.drop_role("member")
    cloud.add_role("member", "reader")
    cloud.give(ann, "member", project)
    assert not cloud.can_authenticate(weak)
    assert not cloud.can_use_trust(trust)
    cloud.delete_user(ann.id)
    cloud.delete_user(ann.id)
    assert cloud.snapshot()["credentials"] == {}


def test_writes_are_idempotent_and_need_their_parts() -> None:
    cloud = FakeTenants("old")
    project, ann = cloud.add_project("p"), cloud.add_user("ann")
    before = cloud.snapshot()
    grant = Grant(HolderKind.USER, ann.id, cloud.roles()["member"], Place.PROJECT, project.id)
    cloud.add_grant(grant)
    cloud.add_grant(grant)
    assert [g.holder_name for g in cloud.grants(project.id)] == ["ann"]
    cloud.remove_grant(grant)
    cloud.remove_grant(grant)
    with pytest.raises(NotFoundError, match="user"):
        cloud.add_grant(replace(grant, holder_id="nobody"))
    normal = cloud.quotas("nova", project.id)
    cloud.set_quotas("nova", project.id, {"cores": 0})
    assert cloud.quotas("nova", project.id) == {**normal, "cores": 0}
    cloud.set_quotas("nova", project.id, normal)
    assert cloud.snapshot() == before


def test_faults_come_before_or_after_the_effect() -> None:
    cloud = FakeTenants("old")
    server = cloud.add_server(cloud.add_project("p"), "vm")
    points: list[str] = []
    cloud.on_call = points.append
    cloud.fail("lock_server", CloudFaultError("500"))
    cloud.fail("lock_server", CloudFaultError("lost"), after=True)
    for locked in (False, True):
        with pytest.raises(CloudFaultError):
            cloud.lock_server(server.id, "why")
        seen = cloud.tenant_server(server.id)
        assert seen is not None
        assert seen.locked is locked
    assert points == ["lock_server:before", "lock_server:before", "lock_server:after"]


def test_a_name_in_two_domains_is_ambiguous() -> None:
    cloud = FakeTenants("old")
    cloud.add_project("p")
    other = cloud.add_project("p", domain=cloud.add_domain("corp"))
    with pytest.raises(AmbiguousError):
        cloud.tenant("p")
    assert cloud.tenant("corp:p") == other
