"""Tenant maintenance on a cloud in memory: each means, what the plan says, proof, drift, and the way back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pumphouse.domain.errors import BlockedError, CloudFaultError, InvalidInputError, LockedError
from pumphouse.domain.fence import Fence, FenceEntry, FenceState, Verdict
from pumphouse.domain.operation import OperationStatus
from pumphouse.domain.tenant import Grant, HolderKind, Place, Tenant
from tests.unit.workflows.fence_rig import FenceRig

DONE = OperationStatus.DONE


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[FenceRig]:
    built = FenceRig(tmp_path)
    yield built
    built.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[FenceRig]:
    """A cloud whose deployer cannot write policy files, and without inherited grants."""
    built = FenceRig(tmp_path, policies=False, inherited=False)
    yield built
    built.close()


def toy_fence(rig: FenceRig, tenant: Tenant) -> Fence:
    """A record as its operation would have left it."""
    return Fence(
        "old", tenant.id, tenant.name, tenant.domain_id, FenceState.ENTERING, "", rig.clock.now(), "other"
    )


def grants_of(rig: FenceRig) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    names = {u.id: u.name for u in rig.keystone.users.values()} | {
        g.id: g.name for g in rig.keystone.groups.values()
    }
    for grant in rig.keystone.assignments.values():
        if grant.place_id == rig.tenant.id:
            found.setdefault(names[grant.holder_id], set()).add(grant.role_name)
    return found


class TestByPolicy:
    def test_assignments_stay_and_every_service_denies(self, rig: FenceRig) -> None:
        before = rig.snapshot_all()
        done = rig.run("lock_tenant", reason="move")
        assert done.status is DONE, rig.errors(done)
        assert rig.host is not None
        assert all(rig.host.fenced(service, rig.tenant.id) for service in rig.host.names)
        assert rig.snapshot_all()["assignments"] == before["assignments"]
        assert rig.snapshot_all()["locks"] == before["locks"]
        fence = rig.stores.fence("old", rig.tenant.id)
        assert fence is not None
        assert (fence.state, fence.reason) == (FenceState.ON, "move")
        assert {p["verdict"] for p in fence.proof} <= {Verdict.AS_WANTED, Verdict.NOT_TRIED}
        assert {p["login"] for p in fence.proof if p["status"]} == {"fresh token", "token from before"}
        assert [e.notify for e in rig.events("tenant.maintenance_entered")] == [True]

    def test_off_gives_everything_back(self, rig: FenceRig) -> None:
        before = rig.snapshot_all()
        rig.run("lock_tenant")
        off = rig.run("unlock_tenant")
        assert off.status is DONE, rig.errors(off)
        assert rig.snapshot_all() == before
        assert rig.is_open
        assert rig.stores.fences() == []
        assert [e.notify for e in rig.events("tenant.maintenance_left")] == [True]
        assert rig.events("tenant.drift") == []

    @pytest.mark.crash
    def test_the_deployers_own_overrides_are_kept(self, rig: FenceRig) -> None:
        assert rig.host is not None
        rig.host.overrides["nova"] = {"nova:delete": "role:boss"}
        assert rig.run("lock_tenant").status is DONE
        assert "role:boss" in rig.host.texts["nova"]

    @pytest.mark.crash
    def test_two_tenants_share_one_file(self, rig: FenceRig) -> None:
        assert rig.host is not None
        assert rig.run("lock_tenant").status is DONE
        other = {"tenant": rig.sibling.id, "name": "sibling"}
        rig.keystone.give(rig.member, "member", rig.sibling)
        assert rig.run("lock_tenant", **other).status is DONE
        assert rig.host.fenced("nova", rig.tenant.id)
        assert rig.run("unlock_tenant").status is DONE
        assert rig.host.fenced("nova", rig.sibling.id)
        assert not rig.host.fenced("nova", rig.tenant.id)
        assert rig.run("unlock_tenant", **other).status is DONE
        assert not rig.host.texts.keys() - {"glance"}

    @pytest.mark.crash
    def test_another_tenant_that_is_about_to_be_fenced_is_no_harm(self, rig: FenceRig) -> None:
        """Its journal names it before its operation has written the file: ours is whole all the same."""
        sibling = toy_fence(rig, rig.sibling)

        def intend() -> None:
            rig.stores.put_fence(sibling)
            rig.stores.put_entries("old", sibling.tenant_id, [FenceEntry("policy", "keystone", {})])

        # ahead of the first write, whose text is made already
        rig.cloud.before["policy.write"].append(intend)
        done = rig.run("lock_tenant", parallel=1)
        assert done.status is DONE, rig.errors(done)

    @pytest.mark.crash
    def test_somebody_who_writes_the_file_meanwhile_is_no_harm(self, rig: FenceRig) -> None:
        assert rig.host is not None
        host = rig.host
        rig.cloud.before["policy.write"].append(lambda: host.put("nova", "{}\n"))
        assert rig.run("lock_tenant").status is DONE
        assert host.fenced("nova", rig.tenant.id)

    def test_undo_of_on_is_off(self, rig: FenceRig) -> None:
        before = rig.snapshot_all()
        done = rig.run("lock_tenant")
        undone = rig.undo(done)
        assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
        assert rig.snapshot_all() == before
        assert rig.is_open
        assert rig.stores.fences() == []

    @pytest.mark.crash
    def test_on_again_proves_again_and_its_undo_leaves_the_first_one(self, rig: FenceRig) -> None:
        rig.run("lock_tenant", reason="first")
        again = rig.run("lock_tenant", reason="second")
        assert again.status is DONE, rig.errors(again)
        rig.undo(again)
        fence = rig.stores.fence("old", rig.tenant.id)
        assert fence is not None
        assert fence.state is FenceState.ON
        assert rig.host is not None
        assert rig.host.fenced("nova", rig.tenant.id)

    @pytest.mark.crash
    @pytest.mark.parametrize("call", ["policy.view", "policy.write"])
    def test_a_fault_of_the_deployer_is_endured(self, rig: FenceRig, call: str) -> None:
        params = {"environment": "old", "tenant": rig.tenant.id, "name": "acme"}
        plan = rig.engine.plan("lock_tenant", params)
        operation = rig.engine.submit("lock_tenant", params, plan)
        rig.cloud.fail(call, CloudFaultError("busy"), times=2)
        done = rig.engine.run(operation.id)
        assert done.status is DONE, rig.errors(done)


class TestByRoles:
    def test_everybody_gets_reader_who_could_read_and_nobody_else(self, bare: FenceRig) -> None:
        before = bare.snapshot_all()
        done = bare.run("lock_tenant")
        assert done.status is DONE, bare.errors(done)
        now = grants_of(bare)
        assert now["ann"] == now["eng"] == now["audit"] == {"reader"}
        assert now["nova"] == {"service"}
        assert now["admin"] == {"admin"}
        assert not bare.keystone.can_use_trust(bare.trust)
        off = bare.run("unlock_tenant")
        assert off.status is DONE, bare.errors(off)
        assert bare.snapshot_all() == before
        assert bare.keystone.can_authenticate(bare.credential)
        assert bare.keystone.can_use_trust(bare.trust)

    @pytest.mark.crash
    def test_a_role_of_the_operators_own_that_writes_nothing_stays(self, bare: FenceRig) -> None:
        usual = bare.prober.decide

        def decide(attempt: object) -> int:
            roles = getattr(attempt, "roles", frozenset())
            return 403 if roles == {"own"} else usual(attempt)  # type: ignore[arg-type]  # an Attempt

        bare.prober.decide = decide
        assert bare.run("lock_tenant").status is DONE
        assert grants_of(bare)["own"] == {"own"}

    @pytest.mark.crash
    def test_one_that_writes_is_swapped(self, bare: FenceRig) -> None:
        assert bare.run("lock_tenant").status is DONE
        assert grants_of(bare)["own"] == {"reader"}

    @pytest.mark.crash
    def test_old_tokens_are_outlasted_and_proven(self, bare: FenceRig) -> None:
        began = bare.clock.now()
        done = bare.run("lock_tenant")
        assert (bare.clock.now() - began).total_seconds() > 300
        fence = bare.stores.fence("old", bare.tenant.id)
        assert fence is not None
        assert {p["login"] for p in fence.proof if p["status"] == 403} == {"fresh token", "token from before"}
        assert done.status is DONE

    @pytest.mark.crash
    def test_a_cloud_that_lets_a_reader_write_is_found_out_before_anything_is_changed(
        self, bare: FenceRig
    ) -> None:
        bare.honours_reader -= {"neutron", "cinder"}
        before = bare.snapshot_all()
        failed = bare.run("lock_tenant")
        assert failed.status is OperationStatus.FAILED
        assert "neutron, cinder" in bare.errors(failed)
        assert set(bare.snapshot_all()["assignments"]) >= set(before["assignments"])
        assert bare.lift().status is DONE
        assert bare.snapshot_all() == before

    @pytest.mark.crash
    def test_the_hole_may_be_accepted_and_is_told(self, bare: FenceRig) -> None:
        bare.honours_reader -= {"neutron"}
        before = bare.snapshot_all()
        done = bare.run("lock_tenant", allow_partial=True)
        assert done.status is DONE, bare.errors(done)
        fence = bare.stores.fence("old", bare.tenant.id)
        assert fence is not None
        assert fence.means["neutron"] == ("quotas",)
        assert "NOT protected: neutron" in bare.events("tenant.maintenance_entered")[0].message
        assert bare.run("unlock_tenant").status is DONE
        assert bare.snapshot_all() == before

    def test_an_inherited_grant_is_out_of_reach_and_blocks(self, tmp_path: Path) -> None:
        rig = FenceRig(tmp_path, policies=False)
        plan = rig.plan("lock_tenant")
        assert {f.code for f in plan.findings if f.severity == "critical"} == {"inherited-grants"}
        assert "eve" in next(f.message for f in plan.findings if f.code == "inherited-grants")
        with pytest.raises(BlockedError):
            rig.run("lock_tenant")
        rig.close()

    @pytest.mark.crash
    def test_the_swap_is_kept_where_others_change_grants_and_their_changes_are_told(
        self, bare: FenceRig
    ) -> None:
        bare.run("lock_tenant")
        newcomer = bare.keystone.give(bare.keystone.add_user("new"), "reader", bare.tenant)
        gone = next(g for g in bare.keystone.assignments.values() if g.holder_name == "audit")
        bare.keystone.take(gone)
        bare.keystone.drop_user(bare.own.id)
        off = bare.run("unlock_tenant")
        assert off.status is DONE, bare.errors(off)
        assert newcomer.key in bare.keystone.assignments
        assert gone.key not in bare.keystone.assignments
        told = " ".join(e.message for e in bare.events("tenant.drift"))
        assert "reader of user new was added" in told
        assert "reader of user audit is gone" in told
        assert "cannot be granted again" in told
        (left,) = bare.events("tenant.maintenance_left")
        assert "what others changed meanwhile is left so" in left.message

    @pytest.mark.crash
    def test_verify_sees_a_role_that_was_granted_again(self, bare: FenceRig) -> None:
        bare.run("lock_tenant")
        assert bare.run("verify_tenant").status is DONE
        bare.keystone.give(bare.member, "member", bare.tenant)
        found = bare.run("verify_tenant")
        assert found.status is OperationStatus.DONE_WITH_ERRORS
        assert "member of user ann: somebody granted it again" in bare.errors(found)
        assert bare.events("tenant.maintenance_failed")

    @pytest.mark.crash
    @pytest.mark.parametrize("policies", [True, False])
    def test_a_tenant_that_was_deleted_meanwhile_can_be_lifted(self, tmp_path: Path, policies: bool) -> None:
        rig = FenceRig(tmp_path, policies=policies, inherited=policies)
        assert rig.run("lock_tenant").status is DONE
        del rig.keystone.projects[rig.tenant.id]
        for grant in [g for g in rig.keystone.assignments.values() if g.place_id == rig.tenant.id]:
            rig.keystone.take(grant)
        off = rig.run("unlock_tenant")
        assert off.status is DONE, rig.errors(off)
        assert rig.is_open
        assert rig.stores.fences() == []
        rig.close()


class TestWeakMeans:
    def test_locks_are_ours_and_theirs_stay(self, bare: FenceRig) -> None:
        before = bare.snapshot_all()
        done = bare.run("lock_tenant", means="locks,quotas", allow_partial=True)
        assert done.status is DONE, bare.errors(done)
        locks = bare.snapshot_all()["locks"]
        assert all(locked for locked, _ in locks.values())
        assert locks[bare.kept.id] == (True, "mine")
        assert bare.run("unlock_tenant").status is DONE
        assert bare.snapshot_all() == before

    def test_without_consent_they_block(self, bare: FenceRig) -> None:
        plan = bare.plan("lock_tenant", means="locks,quotas")
        assert {f.subject for f in plan.findings if f.code == "not-fenced"} >= {
            "service nova",
            "service neutron",
        }
        assert plan.blocked


class TestProof:
    def test_a_write_that_goes_through_is_a_failure_and_leaves_nothing(self, rig: FenceRig) -> None:
        usual = rig.prober.decide
        rig.prober.decide = lambda a: 200 if a.service == "cinder" else usual(a)
        before = rig.snapshot_all()
        failed = rig.run("lock_tenant")
        assert failed.status is OperationStatus.FAILED
        assert "cinder" in rig.errors(failed)
        assert rig.events("tenant.maintenance_failed")
        assert rig.snapshot_all()["users"] == before["users"]
        assert not rig.snapshot_all()["made"]
        assert rig.lift().status is DONE
        assert rig.snapshot_all() == before

    @pytest.mark.crash
    def test_a_read_that_is_refused_is_a_failure_too(self, rig: FenceRig) -> None:
        usual = rig.prober.decide
        entered = rig.host

        def decide(attempt: object) -> int:
            fenced = entered is not None and entered.fenced("nova", rig.tenant.id)
            return 403 if fenced and not getattr(attempt, "writes", True) else usual(attempt)  # type: ignore[arg-type]  # an Attempt

        rig.prober.decide = decide
        assert rig.run("lock_tenant").status is OperationStatus.FAILED

    @pytest.mark.crash
    def test_access_that_does_not_come_back_is_told(self, rig: FenceRig) -> None:
        rig.run("lock_tenant")
        rig.prober.decide = lambda a: 403 if a.writes else 200
        off = rig.run("unlock_tenant")
        assert off.status is OperationStatus.FAILED
        assert "not all access" in rig.errors(off)
        assert rig.stores.fence("old", rig.tenant.id) is not None
        rig.prober.decide = rig.decide
        again = rig.retry(off)
        assert again.status is DONE, rig.errors(again)

    @pytest.mark.crash
    def test_servers_in_progress_are_waited_for_and_then_named(self, rig: FenceRig) -> None:
        rig.keystone.change_server(rig.running.id, task="resize_migrating")
        done = rig.run("lock_tenant", settle_s=30)
        assert done.status is DONE
        assert "web (resize_migrating)" in rig.events("tenant.in_transition")[0].message


class TestPlan:
    def test_it_names_who_goes_on_and_what_is_interrupted(self, bare: FenceRig) -> None:
        codes = {f.code for f in bare.plan("lock_tenant").findings}
        assert {"fenced", "keeps-access", "trust", "application-credential", "token-cache"} <= codes

    def test_an_unknown_service_is_named(self, rig: FenceRig) -> None:
        rig.keystone.catalog.append("load-balancer")
        (found,) = [f for f in rig.plan("lock_tenant").findings if f.code == "service-unknown"]
        assert found.subject == "service load-balancer"

    def test_nothing_is_changed_by_planning(self, rig: FenceRig) -> None:
        before = rig.snapshot_all()
        rig.plan("lock_tenant")
        assert rig.keystone.journal == []
        assert rig.snapshot_all() == before

    @pytest.mark.parametrize(
        ("field", "params"),
        [
            ("means", {"means": "prayer"}),
            ("until", {"until": "tomorrow"}),
            ("fast", {"fast": True, "means": "roles"}),
            ("parallel", {"parallel": 0}),
            ("colour", {"colour": "red"}),
        ],
    )
    def test_bad_input_is_named(self, rig: FenceRig, field: str, params: dict[str, object]) -> None:
        with pytest.raises(InvalidInputError) as refused:
            rig.plan("lock_tenant", **params)
        assert refused.value.field == field

    def test_a_time_that_has_passed_blocks(self, rig: FenceRig) -> None:
        plan = rig.plan("lock_tenant", until="2001-01-01T00:00:00+00:00")
        assert plan.blocked

    @pytest.mark.parametrize("kind", ["unlock_tenant", "verify_tenant"])
    def test_without_a_fence_there_is_nothing_to_do(self, rig: FenceRig, kind: str) -> None:
        assert [f.code for f in rig.plan(kind).findings] == ["not-in-maintenance"]

    def test_two_operations_on_one_tenant_exclude_each_other(self, rig: FenceRig) -> None:
        rig.submit("lock_tenant")
        with pytest.raises(LockedError):
            rig.submit("lock_tenant")


def test_a_grant_is_the_same_by_its_key_whatever_its_parts_are_called() -> None:
    grant = Grant(HolderKind.USER, "u", "r", Place.PROJECT, "p", holder_name="ann", role_name="member")
    assert replace(grant, holder_name="anna", role_name="Member").key == grant.key
    others = [
        replace(grant, **{field: value})  # type: ignore[arg-type]  # each field has its own type
        for field, value in (
            ("holder_kind", HolderKind.GROUP), ("holder_id", "x"), ("role_id", "x"), ("place", Place.DOMAIN),
            ("place_id", "x"), ("inherited", True),
        )
    ]  # fmt: skip
    assert len({grant.key, *(other.key for other in others)}) == 7
