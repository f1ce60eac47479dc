"""A duplicate from plan to hand-over, its way back, and the deletion of one that nobody uses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.operation import Operation, OperationStatus
from pumphouse.domain.plan import Plan
from tests.fakes.sites import OLD, OWN, PIECES
from tests.unit.workflows.duplicate_rig import DuplicateRig

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
CONTENTS = ["flavors", "roles", "images", "quotas"]
DONE = OperationStatus.DONE


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[DuplicateRig]:
    made = DuplicateRig(tmp_path)
    yield made
    made.close()


def rows(plan: Plan) -> dict[str, Any]:
    return {row["key"]: row for row in plan.settings}


def codes(plan: Plan) -> set[str]:
    return {f.code for f in plan.findings if f.severity == "critical"}


def table(rig: DuplicateRig, operation: Operation) -> dict[str, Any]:
    return {line["key"]: line for line in rig.stores.memory(operation.id)["comparison"]}


def test_a_duplicate_is_built_registered_compared_and_furnished(rig: DuplicateRig) -> None:
    done = rig.run(contents=CONTENTS)
    assert done.status is DONE, rig.errors(done)
    assert rig.sites.standing() == {"twin": set(PIECES)}
    twin, old = rig.sites.sites["twin"], rig.sites.sites["old"]
    assert twin.release == "2026.2"
    for key in ("network.tenant_types", "network.mtu", "storage.cinder.backends", "quota.nova.cores"):
        assert twin.values[key] == OLD[key]
    assert twin.values["network.segmentation.vlan.ranges"][0]["minimum"] == 200
    assert twin.contents["flavor"] == old.contents["flavor"]
    assert twin.bytes == old.bytes
    assert twin.contents["quota"]["nova"]["limits"] == {"cores": 40}
    assert twin.contents["role"]["admin"]["implies"] == ["manager"], "what was there is left alone"
    assert "admin -> auditor" in twin.contents["implied_role"]
    assert rig.known.environment("twin").access.cloud == "twin"
    compared = table(rig, done)
    assert compared["network.tenant_types"]["verdict"] == "equal"
    assert compared["network.segmentation.vlan.ranges"]["verdict"] == "decided"
    assert compared["service.compute.endpoints"]["verdict"] == "decided"
    assert compared["network.extensions"]["verdict"] == "translated"
    assert compared["release.name"]["found"] == "2026.2"
    assert not [line for line in compared.values() if line["verdict"] == "different"]


def test_undo_leaves_nothing(rig: DuplicateRig) -> None:
    before = rig.world()
    done = rig.run(contents=CONTENTS)
    assert rig.undo(done).status is OperationStatus.UNDONE, rig.errors(done)
    assert rig.world() == before


def test_running_it_again_changes_nothing(rig: DuplicateRig) -> None:
    assert rig.run(contents=CONTENTS).status is DONE
    after = rig.world()
    plan = rig.plan(contents=CONTENTS)
    assert not plan.blocked
    assert "stands" in {f.code for f in plan.findings}
    assert {i.method for i in plan.items if i.kind != "quota"} == {"keep"}
    again = rig.run(contents=CONTENTS)
    assert again.status is DONE, rig.errors(again)
    assert rig.world() == after
    assert rig.undo(again).status is OperationStatus.UNDONE
    assert rig.world() == after, "what an earlier operation has made is not this one's to take back"


def test_it_is_not_built_over_with_other_settings(rig: DuplicateRig) -> None:
    assert rig.run().status is DONE
    plan = rig.plan(answers={"network.mtu": 1500})
    assert codes(plan) == {"stands-otherwise"}
    assert "network.mtu" in next(f.message for f in plan.findings if f.code == "stands-otherwise")


def test_what_differs_from_its_plan_is_a_failure_and_is_shown(rig: DuplicateRig) -> None:
    rig.sites.ignored = {"network.tenant_types"}
    failed = rig.run()
    assert failed.status is OperationStatus.FAILED
    assert "network.tenant_types is ['geneve'] instead of ['vlan']" in rig.errors(failed)
    assert table(rig, failed)["network.tenant_types"]["verdict"] == "different"
    rig.sites.sites["twin"].values["network.tenant_types"] = ["vlan"]
    assert rig.retry(failed).status is DONE, "a retry looks again"


def test_two_clouds_with_one_endpoint_are_a_failure(rig: DuplicateRig) -> None:
    rig.sites.between = lambda where: None
    operation = rig.submit()
    original_add = rig.sites.add

    def add(name: str, *args: Any) -> Any:
        site = original_add(name, *args)
        site.endpoint = rig.sites.sites["old"].endpoint
        return site

    rig.sites.add = add  # type: ignore[method-assign]
    failed = rig.engine.run(operation.id)
    assert table(rig, failed)["service.compute.endpoints"]["verdict"] == "different"


@pytest.mark.parametrize("piece", PIECES)
def test_a_failed_build_is_completed_or_taken_back(rig: DuplicateRig, piece: str) -> None:
    before = rig.world()
    rig.sites.fails_at = piece
    failed = rig.run()
    assert failed.status is OperationStatus.FAILED
    assert "make room" in rig.engine.operation(failed.id).hint
    rig.sites.fails_at = None
    assert rig.retry(failed).status is DONE
    undone = rig.undo(failed)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.world() == before


@pytest.mark.parametrize("piece", PIECES)
def test_a_failed_build_can_be_undone_at_once(rig: DuplicateRig, piece: str) -> None:
    before = rig.world()
    rig.sites.fails_at = piece
    assert rig.undo(rig.run()).status is OperationStatus.UNDONE
    assert rig.world() == before


def test_what_never_answers_can_be_taken_back_before_it_is_handed_over(rig: DuplicateRig) -> None:
    before = rig.world()
    rig.sites.silent = {"twin"}
    failed = rig.run()
    assert failed.status is OperationStatus.FAILED
    assert rig.undo(failed).status is OperationStatus.UNDONE, rig.errors(failed)
    assert rig.world() == before


def test_what_is_in_use_is_not_taken_back(rig: DuplicateRig) -> None:
    done = rig.run()
    rig.clouds["twin"].add_node("node-1")
    assert rig.undo(done).status is OperationStatus.UNDO_FAILED
    assert "it has nodes: node-1" in rig.errors(done)
    assert rig.sites.standing() == {"twin": set(PIECES)}


def test_an_older_release_is_refused_with_the_reason(rig: DuplicateRig) -> None:
    rig.sites.sites["old"].release = "2026.2"
    plan = rig.plan(release="2023.1")
    assert codes(plan) == {"older-release"}


def test_the_same_release_is_allowed(rig: DuplicateRig) -> None:
    done = rig.run(release="2023.1")
    assert done.status is DONE, rig.errors(done)


def test_an_unknown_release_is_no_release_that_is_built(rig: DuplicateRig) -> None:
    assert codes(rig.plan(release="2031.1")) == {"release-not-built"}
    rig.sites.sites["old"].untold = frozenset()
    rig.sites.sites["old"].release = "unknown"
    assert codes(rig.plan()) == {"release-unknown"}


def test_a_name_that_is_taken_is_refused(rig: DuplicateRig) -> None:
    rig.run()
    rig.sites.specs.clear()
    assert codes(rig.plan()) == {"name-taken"}


def test_the_vlans_of_the_original_are_refused(rig: DuplicateRig) -> None:
    key = "network.segmentation.vlan.ranges"
    plan = rig.plan(answers={key: OLD[key]})
    assert codes(plan) == {"shared-vlans"}
    assert rows(plan)[key]["answered"]


@pytest.mark.parametrize(
    ("params", "field", "remedy"),
    [
        ({"name": "old"}, "name", "another name"),
        ({"name": "-x"}, "name", "letters"),
        ({"contents": ["flowers"]}, "contents", "flavors"),
        ({"answers": ["x"]}, "answers", "mapping"),
        ({"answers": {"network.mtuu": 1}}, "answers", "did you mean network.mtu"),
        ({"answers": {"network.mtu": "big"}}, "network.mtu", "68 to 65535"),
        ({"answers": {"quota.nova.ram": 1}}, "quota.nova.ram", "it can set: "),
        ({"answers": {"admin_password": "hunter2"}}, "admin_password", "leave it out"),
        ({"wrong": 1}, "wrong", "known are"),
    ],
)
def test_wrong_input_is_named_with_its_remedy(
    rig: DuplicateRig, params: dict[str, Any], field: str, remedy: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        rig.plan(**params)
    assert refused.value.field == field
    assert remedy in f"{refused.value.message} {refused.value.hint}"
    assert "hunter2" not in refused.value.message


def test_contents_that_contradict_are_failed_items_and_can_be_skipped(rig: DuplicateRig) -> None:
    assert rig.run().status is DONE
    rig.sites.sites["twin"].contents["flavor"] = {"big": {"name": "big", "vcpus": 99}}
    assert {i.name: i.method for i in rig.plan(contents=["flavors"]).items} == {
        "big": "cannot",
        "small": "make",
    }
    failed = rig.run(contents=["flavors"])
    assert failed.status is OperationStatus.FAILED
    assert "another flavor big: vcpus differ" in rig.errors(failed)
    assert rig.sites.sites["twin"].contents["flavor"]["small"] == {"name": "small", "vcpus": 1}


def test_a_duplicate_that_nobody_uses_is_deleted(rig: DuplicateRig) -> None:
    before = rig.world()
    rig.run(contents=CONTENTS)
    done = rig.run("delete_environment")
    assert done.status is DONE, rig.errors(done)
    assert rig.world() == before


@pytest.mark.parametrize("use", ["node", "tenant", "original", "silent"])
def test_what_is_used_or_was_not_built_by_us_is_not_deleted(rig: DuplicateRig, use: str) -> None:
    rig.run()
    if use == "node":
        rig.clouds["twin"].add_node("node-1")
    elif use == "tenant":
        rig.sites.sites["twin"].things["servers"] = ["web-1"]
    elif use == "silent":
        rig.sites.silent = {"twin"}
    plan = rig.plan("delete_environment", environment="old" if use == "original" else "twin")
    assert plan.blocked
    assert codes(plan) == {"not-proven" if use == "silent" else "in-use"}


def test_somebody_who_comes_between_plan_and_deletion_is_not_harmed(rig: DuplicateRig) -> None:
    rig.run()
    operation = rig.submit("delete_environment")
    rig.clouds["twin"].add_node("node-1")
    assert rig.engine.run(operation.id).status is OperationStatus.FAILED
    assert rig.sites.standing() == {"twin": set(PIECES)}


def test_own_defaults_are_what_the_fake_has(rig: DuplicateRig) -> None:
    """The tests above mean something only while the original is not what a new environment would be anyway."""
    assert all(OLD[k] != OWN[k] for k in ("network.tenant_types", "network.mtu", "storage.cinder.backends"))
