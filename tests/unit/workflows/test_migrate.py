"""A tenant's migration on two clouds in memory: what is made, what is found, what fails alone, and the ways back."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError
from pumphouse.domain.migration import Detail, Method
from pumphouse.domain.operation import OperationStatus
from pumphouse.domain.resource import MoveState, ResourceKind, ref
from pumphouse.domain.tenant import Grant, HolderKind, Place
from tests.fakes.resources import FakeKind
from tests.unit.workflows.migrate_rig import SECRET, MigrateRig

K = ResourceKind
DONE, ERRORS = OperationStatus.DONE, OperationStatus.DONE_WITH_ERRORS


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[MigrateRig]:
    built = MigrateRig(tmp_path)
    yield built
    built.close()


def counterpart(rig: MigrateRig, key: str) -> str:
    return next(m.destination_id for m in rig.moves() if f"{m.kind}/{m.source_id}" == key)


def test_all_kinds_arrive_and_are_verified(rig: MigrateRig) -> None:
    done = rig.run()
    assert done.status is DONE, rig.errors(done)
    states = {f"{m.kind} {m.name}": m.state for m in rig.moves()}
    assert set(states.values()) == {MoveState.VERIFIED}, states
    assert len(states) > 28
    project = rig.one(K.PROJECT, "acme", rig.there)
    assert {r.name for r in rig.there.made(K.SERVER)} == {"web-1", "web-2"}
    assert all(r.owner == project.id for r in rig.there.made(K.PORT))
    assert sorted(rig.there.data.values()) == sorted(rig.source.data.values())
    assert [r.name for r in rig.there.made(K.ASSIGNMENT)] == ["member of user ann"]
    assert rig.there.inside == set(), "we have left the tenant"


def test_a_role_that_we_make_implies_what_the_sources_does_and_an_existing_one_what_it_likes(
    rig: MigrateRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    member, domain = rig.one(K.ROLE, "member"), None
    boss = rig.source.add(K.ROLE, "boss", domain=domain, implies=[ref(K.ROLE, member.id)])
    rig.there.change(rig.one(K.ROLE, "member", rig.there).key, implies=[])
    rig.source.change(member.key, implies=[])
    ann = rig.one(K.USER, "ann")
    grant = Grant(HolderKind.USER, ann.id, boss.id, Place.PROJECT, rig.tenant)
    rig.source.add(
        K.ASSIGNMENT, "boss of user ann", rig.tenant, id=grant.key, holder=ref(K.USER, ann.id), role=ref(K.ROLE, boss.id),
        place=ref(K.PROJECT, rig.tenant), inherited=False,
    )  # fmt: skip
    create = FakeKind.create

    def cut_off(driver: FakeKind, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        """What Keystone takes in several requests may lack the last ones after a crash."""
        lost = {"implies": []} if name == "boss" else {}
        return create(driver, tenant_id, name, {**fields, **lost})

    monkeypatch.setattr(FakeKind, "create", cut_off)
    done = rig.run()
    assert done.status is DONE, rig.errors(done)
    there = rig.one(K.ROLE, "boss", rig.there)
    assert there.fields["implies"] == [ref(K.ROLE, rig.one(K.ROLE, "member", rig.there).id)]
    (move,) = [m for m in rig.moves() if m.name == "boss"]
    assert move.details[Detail.VERIFIED]["implies"] == "equal"
    rig.there.change(there.key, implies=[])
    assert rig.run("verify_migration").status is ERRORS


def test_a_flavor_that_another_tenant_makes_meanwhile_is_used(
    rig: MigrateRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both were to make it by their plans; whoever comes second finds it there."""
    create = FakeKind.create

    def outrun(driver: FakeKind, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        if driver.kind is K.FLAVOR:
            create(driver, tenant_id, name, fields)
        return create(driver, tenant_id, name, fields)

    monkeypatch.setattr(FakeKind, "create", outrun)
    done = rig.run()
    assert done.status is DONE, rig.errors(done)
    (flavor,) = rig.there.made(K.FLAVOR)
    (move,) = [m for m in rig.moves() if m.kind is K.FLAVOR]
    assert (move.destination_id, move.ours, move.state) == (flavor.id, False, MoveState.VERIFIED)
    assert rig.run("rollback_tenant").status is DONE
    assert rig.there.made(K.FLAVOR) == [flavor]


def test_a_flavor_that_another_tenant_uses_outlives_a_rollback(rig: MigrateRig) -> None:
    rig.run()
    (mine,) = [m for m in rig.moves() if m.kind is K.FLAVOR]
    assert mine.ours
    rig.stores.put_moves([replace(mine, tenant_id="another", ours=False)])
    assert rig.run("rollback_tenant").status is DONE
    assert [r.id for r in rig.there.made(K.FLAVOR)] == [mine.destination_id]
    (its,) = rig.stores.moves("old", "another", "new")
    assert its.ours, "its rollback takes it back"


def test_an_ec2_credential_goes_over_with_its_secret_which_is_written_nowhere(
    rig: MigrateRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    done = rig.run()
    assert done.status is DONE, rig.errors(done)
    assert rig.there.secrets == rig.source.secrets == {"ec2_key/id-of-AKIA": SECRET}
    rig.stores.close()
    kept = [file for file in rig.folder.rglob("*") if file.is_file()]
    assert rig.database in kept
    assert not any(SECRET.encode() in file.read_bytes() for file in kept)
    assert SECRET not in caplog.text


@pytest.mark.crash
def test_collisions_of_names_are_no_collisions(rig: MigrateRig) -> None:
    rig.run()
    assert sorted(r.name for r in rig.there.made(K.NETWORK)) == ["", "net", "net"]
    subnets = {counterpart(rig, r.key): r for r in rig.source.made(K.SUBNET)}
    for made, source in subnets.items():
        target = rig.there.things[f"{K.SUBNET}/{made}"].fields["network"]["$ref"]
        assert target == f"{K.NETWORK}/{counterpart(rig, source.fields['network']['$ref'])}"


@pytest.mark.crash
def test_the_default_group_is_taken_and_its_rules_are_rewritten(rig: MigrateRig) -> None:
    rig.run()
    (default,) = [r for r in rig.there.made(K.SECURITY_GROUP) if r.name == "default"]
    rules = rig.there.things[f"{K.SECURITY_GROUP_RULES}/{default.id}"].fields["rules"]
    web = rig.source.made(K.SECURITY_GROUP)[1]
    assert [r["remote_group"]["$ref"] for r in rules] == [f"{K.SECURITY_GROUP}/{counterpart(rig, web.key)}"]


@pytest.mark.crash
def test_the_fence_does_not_travel(rig: MigrateRig) -> None:
    rig.run()
    assert rig.source.made(K.ASSIGNMENT) == []
    assert rig.stores.fence("old", rig.tenant) is not None, "the source stays fenced"
    assert all(not r.fields["locked"] for r in rig.there.made(K.SERVER))
    power = {r.name: r.fields["power"] for r in rig.there.made(K.SERVER)}
    assert power == {"web-1": "on", "web-2": "off"}


def test_a_second_run_makes_nothing_and_says_so(rig: MigrateRig) -> None:
    rig.run()
    before, rig.there.calls = rig.there.snapshot(), []
    plan = rig.plan()
    assert "nothing to do" in plan.summary
    assert "nothing-to-do" in {f.code for f in plan.findings}
    assert {i.method for i in plan.items} <= {Method.KEEP, Method.MAP, Method.LIST}, plan.items
    again = rig.run()
    assert again.status is DONE, rig.errors(again)
    assert rig.there.calls == []
    assert rig.there.snapshot() == before


@pytest.mark.crash
def test_undo_leaves_both_clouds_as_they_were(rig: MigrateRig) -> None:
    before = rig.world()
    done = rig.run()
    undone = rig.undo(done)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.world() == before


@pytest.mark.crash
def test_rollback_from_the_records_alone(rig: MigrateRig) -> None:
    before = rig.world()
    rig.run()
    rig.there.calls.clear()
    back = rig.run("rollback_tenant")
    assert back.status is DONE, rig.errors(back)
    assert rig.world() == before
    assert "delete security_group" in rig.there.calls
    assert "update security_group_rules" not in rig.there.calls, "they go with their groups"


@pytest.mark.crash
def test_rollback_puts_back_what_was_adopted(rig: MigrateRig) -> None:
    domain = {"$ref": f"{K.DOMAIN}/new-default"}
    project = rig.there.add(K.PROJECT, "acme", id="p2", domain=domain, description="another text")
    rig.there.things[project.key] = rig.there.things[project.key].__class__(
        K.PROJECT, "p2", "acme", project.fields, {}, "1", 0, "p2"
    )
    rig.there.add(K.USER, "ann", domain=domain, email="old@acme")
    before = rig.world()
    plan = rig.plan()
    methods = {i.id: i.method for i in plan.items}
    assert methods[f"{K.PROJECT}/{rig.tenant}"] == Method.ADOPT
    assert methods[rig.one(K.USER, "ann").key] == Method.ADOPT
    done = rig.run()
    assert done.status is DONE, rig.errors(done)
    assert rig.one(K.USER, "ann", rig.there).fields["email"] == "ann@acme"
    assert rig.run("rollback_tenant").status is DONE
    assert rig.world() == before


def test_reuse_and_conflict(rig: MigrateRig) -> None:
    rig.there.add(K.FLAVOR, "small", vcpus=1, access=[])
    plan = rig.plan()
    assert {i.method for i in plan.items if i.kind == K.FLAVOR} == {Method.REUSE}
    rig.there.change(rig.one(K.FLAVOR, "small", rig.there).key, vcpus=2)
    plan = rig.plan()
    assert plan.blocked
    (finding,) = [f for f in plan.findings if f.code == "conflict"]
    assert "vcpus" in finding.message


def test_the_keypair_of_a_user_who_is_there_without_a_role_is_seen(rig: MigrateRig) -> None:
    domain = ref(K.DOMAIN, rig.one(K.DOMAIN, "Default", rig.there).id)
    ann = rig.there.add(K.USER, "ann", domain=domain, email="ann@acme")
    key = rig.there.add(K.KEYPAIR, "laptop", user=ref(K.USER, ann.id), public_key="ssh-rsa AAA")
    assert {i.method for i in rig.plan().items if i.kind == K.KEYPAIR} == {Method.REUSE}
    rig.there.change(key.key, public_key="ssh-rsa BBB")
    assert {i.method for i in rig.plan().items if i.kind == K.KEYPAIR} == {Method.CONFLICT}


def test_an_undo_finds_a_keypair_whose_id_was_never_written_down(rig: MigrateRig) -> None:
    before = rig.world()

    def fault(where: str) -> None:
        if "new: after create keypair" in where:
            raise CloudFaultError("the answer is lost")

    rig.fault = fault
    done = rig.run()
    assert len(rig.there.made(K.KEYPAIR)) == 1, rig.errors(done)
    rig.fault = lambda where: None
    assert rig.undo(done).status is OperationStatus.UNDONE
    assert rig.world() == before


@pytest.mark.crash
def test_an_open_name_blocks_until_it_is_mapped(rig: MigrateRig) -> None:
    rig.there.things.pop(rig.one(K.VOLUME_TYPE, "nfs", rig.there).key)
    rig.there.add(K.VOLUME_TYPE, "ceph")
    plan = rig.plan()
    assert plan.blocked
    assert plan.decisions["open_names"] == {"volume_type": ["nfs"]}
    assert plan.decisions["offered_names"]["volume_type"] == ["ceph"]
    done = rig.run(names={"volume_type": {"nfs": "ceph"}})
    assert done.status is DONE, rig.errors(done)
    ceph = rig.one(K.VOLUME_TYPE, "ceph", rig.there)
    assert {v.fields["type"]["$ref"] for v in rig.there.made(K.VOLUME)} == {ceph.key}


@pytest.mark.crash
def test_a_failing_server_fails_alone(rig: MigrateRig) -> None:
    def fault(where: str) -> None:
        if "new: before create server web-1" in where:
            raise CloudRefusedError("no valid host")

    rig.fault = fault
    done = rig.run()
    assert done.status is ERRORS, rig.errors(done)
    assert [r.name for r in rig.there.made(K.SERVER)] == ["web-2"]
    failed = [i for i in rig.engine.items(done.id) if i.error]
    assert [i.name for i in failed] == ["web-1"]
    rig.fault = lambda where: None
    assert rig.retry(done).status is DONE
    assert len(rig.there.made(K.SERVER)) == 2


@pytest.mark.crash
def test_what_needs_a_failed_thing_fails_alone_and_says_why(rig: MigrateRig) -> None:
    rig.there.lossy = {K.ROUTER: "gateway"}
    done = rig.run()
    assert done.status is ERRORS
    errors = {i.kind: i.error for i in rig.engine.items(done.id) if i.error}
    assert "gateway should be" in errors[K.ROUTER]
    assert "has no counterpart" in errors[K.ROUTER_INTERFACE]
    assert set(errors) == {K.ROUTER, K.ROUTER_INTERFACE, K.ROUTER_ROUTES}, errors
    assert rig.undo(done).status is OperationStatus.UNDONE


def test_nothing_is_built_upon_what_was_left_half_made(rig: MigrateRig) -> None:
    rig.there.lossy, lost = {K.NETWORK: "description"}, set[str]()

    def fault(where: str) -> None:
        if "new: after create network" in where and where not in lost:
            lost.add(where)
            raise CloudFaultError("the answer is lost")
        if "new: before update network" in where:
            raise CloudFaultError("busy")

    rig.fault = fault
    done = rig.run()
    errors = {i.kind: i.error for i in rig.engine.items(done.id) if i.error}
    assert errors[K.NETWORK] == "busy"
    assert "has no counterpart" in errors[K.SUBNET]
    rig.fault = lambda where: None
    assert rig.retry(done).status is DONE
    assert len(rig.there.made(K.NETWORK)) == len(rig.source.made(K.NETWORK))


def test_a_plan_is_refused_when_the_source_has_changed(rig: MigrateRig) -> None:
    digest = rig.plan().decisions["digest"]
    assert not rig.plan(digest=digest).blocked
    rig.source.add(K.NETWORK, "more", rig.tenant, mtu=1450, description="")
    plan = rig.plan(digest=digest)
    assert [f.code for f in plan.findings if f.severity == "critical"] == ["source-changed"]


def test_a_change_between_plan_and_fence_stops_it_before_anything_is_made(rig: MigrateRig) -> None:
    operation = rig.submit()
    rig.source.add(K.NETWORK, "more", rig.tenant, mtu=1450, description="")
    before = rig.there.snapshot()
    failed = rig.engine.run(operation.id)
    assert failed.status is OperationStatus.FAILED
    assert "changed in the source" in failed.error
    assert rig.there.snapshot() == before
    assert rig.undo(failed).status is OperationStatus.UNDONE
    assert rig.stores.fences() == []


@pytest.mark.crash
def test_what_changed_since_is_brought_over_or_is_a_conflict(rig: MigrateRig) -> None:
    rig.run()
    net = rig.source.made(K.NETWORK)[0]
    rig.source.change(net.key, description="renovated")
    free = rig.one(K.VOLUME, "free")
    rig.source.data[free.key] = b"DETACHED DATA"
    rig.source.change(free.key)
    done = rig.run()
    assert done.status is DONE, rig.errors(done)
    there = rig.there.things[f"{K.NETWORK}/{counterpart(rig, net.key)}"]
    assert there.fields["description"] == "renovated"
    assert rig.there.data[f"{K.VOLUME}/{counterpart(rig, free.key)}"] == b"DETACHED DATA"
    rig.source.change(net.key, mtu=1300)
    plan = rig.plan()
    assert [f.code for f in plan.findings if f.severity == "critical"] == ["changed-since"]


@pytest.mark.crash
def test_verification_names_what_differs(rig: MigrateRig) -> None:
    rig.run()
    assert rig.run("verify_migration").status is DONE
    port = rig.there.made(K.PORT)[0]
    rig.there.change(port.key, mac="fa:16:3e:ff:ff:ff")
    checked = rig.run("verify_migration")
    assert checked.status is ERRORS
    (failed,) = [i for i in rig.engine.items(checked.id) if i.error]
    assert failed.kind == K.PORT
    assert "mac should be" in failed.error


@pytest.mark.crash
def test_commit_deletes_the_source_only_when_all_is_verified(rig: MigrateRig) -> None:
    rig.run()
    port = rig.there.made(K.PORT)[0]
    mac = port.fields["mac"]
    rig.there.change(port.key, mac="fa:16:3e:ff:ff:ff")
    assert rig.plan("commit_tenant").blocked
    rig.there.change(port.key, mac=mac)
    there = rig.there.snapshot()
    done = rig.run("commit_tenant")
    assert done.status is DONE, rig.errors(done)
    left = {r.kind for r in rig.source.things.values() if r.owner == rig.tenant}
    assert left <= {
        K.PROJECT,
        K.QUOTA,
        K.SECURITY_GROUP,
        K.SECURITY_GROUP_RULES,
        K.VOLUME,
        K.VOLUME_SNAPSHOT,
        K.EC2_KEY,
        K.CREDENTIAL,
    }, left
    assert [r.name for r in rig.source.made(K.SECURITY_GROUP)] == ["default"]
    assert [r.name for r in rig.source.made(K.VOLUME)] == ["free"], "its snapshot has no counterpart"
    assert rig.there.snapshot() == there
    assert {m.state for m in rig.moves()} == {MoveState.COMMITTED}
    assert rig.plan("rollback_tenant").blocked
    assert not rig.plan().blocked


def test_without_records_there_is_nothing_to_go_back_to(rig: MigrateRig) -> None:
    for kind in ("verify_migration", "rollback_tenant", "commit_tenant"):
        assert [f.code for f in rig.plan(kind).findings if f.severity == "critical"] == ["no-migration"]


@pytest.mark.crash
def test_one_server_with_what_it_needs(rig: MigrateRig) -> None:
    done = rig.run(include=["web-1"])
    assert done.status is DONE, rig.errors(done)
    assert [r.name for r in rig.there.made(K.SERVER)] == ["web-1"]
    assert [r.name for r in rig.there.made(K.NETWORK)] == ["net"]
    assert [r.name for r in rig.there.made(K.VOLUME)] == ["used"]
    assert len(rig.there.made(K.FLOATING_IP)) == 1


@pytest.mark.crash
def test_a_server_that_is_left_out_keeps_its_port_and_volume(rig: MigrateRig) -> None:
    rig.run(exclude=["web-1"])
    assert [r.name for r in rig.there.made(K.SERVER)] == ["web-2"]
    assert [r.name for r in rig.there.made(K.VOLUME)] == ["free"]
    assert rig.there.made(K.PORT) == []


@pytest.mark.crash
def test_new_addresses_differ_on_purpose_and_others_do_not(rig: MigrateRig) -> None:
    done = rig.run(keep_addresses=False)
    assert done.status is DONE, rig.errors(done)
    (move,) = [m for m in rig.moves() if m.kind is K.PORT]
    assert move.details[Detail.VERIFIED]["ip"] == "new addresses were asked for"
    assert move.details[Detail.VERIFIED]["mac"] == "equal"
    assert rig.run("verify_migration").status is DONE


@pytest.mark.crash
def test_the_report_is_kept_with_the_operation(rig: MigrateRig) -> None:
    done = rig.run(exclude=["web-2"])
    report = rig.stores.memory(done.id)["report"]
    assert {row["name"] for row in report["not_moved"]} == {"web-2"}
    assert [row["key"].partition("/")[0] for row in report["todo"]] == ["volume_snapshot", "credential"]
