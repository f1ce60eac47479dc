"""The specification's migration test on the two real clouds: four tenants from 2023.1 to 2026.2 in two commands at once, compared by other code than the product's, run again, verified,
taken back, and one of them committed. In the order of the methods.
"""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.lab import clouds
from tests.lab.conftest import TestLab
from tests.lab.independent import changes, differences
from tests.lab.migrating_scene import RICH, SLOW_S, TENANTS, Scene, make_scene, watch
from tests.lab.rich_asking import Asker
from tests.lab.rich_storage import BIG_DATA, BIG_GIB, MIB

pytestmark = pytest.mark.lab
COMMITTED = "globex"
FENCED_ONES = ("acme", RICH)
"""The others move without a fence, in a second command at the same time."""
MEMORY_MIB = 700
"""More than this no process that moves four tenants may ever have, one of them with a volume of 5 GiB."""


@pytest.fixture(scope="module")
def scene(two_nodes_each: TestLab) -> Scene:
    return make_scene(two_nodes_each)


def sources(names: Sequence[str] = TENANTS) -> tuple[str, ...]:
    return tuple(f"old/{name}" for name in names)


WRITES = 413
"""A member may write: what he asked for is only larger than any quota, so that nothing is made."""
FENCED = 403


def write_status(theirs: Asker) -> int:
    """What a member is told who wants a volume."""
    body = {"volume": {"name": "unwanted", "size": 900_000}}
    return int(theirs.cloud.block_storage.post("/volumes", json=body).status_code)


def side_by_side(scene: Scene, verb: str) -> None:
    """One command for each tenant, all at the same time, as several operators would."""

    def one(tenant: str) -> Any:
        return scene.lab.console.ok("tenant", verb, f"old/{tenant}", "--yes", timeout_s=SLOW_S)

    with ThreadPoolExecutor(len(TENANTS)) as pool:
        for done in pool.map(one, TENANTS):
            assert done["status"] == "done", done


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("tenant", "migrate", "old/nobody", "--to", "new", "--yes"), 2, "nobody"),
        (("tenant", "migrate", f"old/{RICH}", "--to", "nowhere", "--yes"), 2, "nowhere"),
        (("tenant", "migrate", f"nowhere/{RICH}", "--to", "new", "--yes"), 2, "nowhere"),
        (("tenant", "migrate", f"old/{RICH}", "--to", "old", "--yes"), 2, "old"),
        (("tenant", "migrate", f"old/{RICH}", "--to", "new", "--map", "MAP", "--yes"), 3, "no-such-type"),
        (("tenant", "rollback", f"old/{RICH}", "--to", "new", "--yes"), 3, "no-migration"),
        (("tenant", "commit", f"old/{RICH}", "--to", "new", "--yes"), 3, "no-migration"),
    ],
)
def test_wrong_usage_is_named(
    scene: Scene, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    names = tmp_path / "map.yaml"
    names.write_text("names:\n  volume_type: {nfs: no-such-type}\n")
    answer = scene.lab.console(*(str(names) if word == "MAP" else word for word in words))
    assert answer.code == code, (answer.out, answer.err)
    assert said in answer.out + answer.err
    assert "Traceback" not in answer.err


def test_a_plan_is_refused_when_the_source_has_changed_since(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "rich.yaml"
    said = scene.lab.console("tenant", "migrate", f"old/{RICH}", "--to", "new", "--save", str(file))
    assert said.code == 0, said.err
    ops, network = scene.rich.people.log_in("ops"), scene.rich.wires["letters"]
    ops.put("network", f"/networks/{network}", {"network": {"description": "changed since"}})
    try:
        answer = scene.lab.console("tenant", "migrate", "--plan", str(file), "--yes")
        assert answer.code == 3, (answer.out, answer.err)
        assert "source-changed" in answer.out + answer.err
    finally:
        ops.put("network", f"/networks/{network}", {"network": {"description": "für alle"}})


class TestMigration:
    """In the order of the methods."""

    before: dict[str, Any]
    sources: dict[str, Any]
    onboarding: Path

    def test_four_tenants_move_at_once_two_behind_fences(self, scene: Scene, tmp_path_factory: Any) -> None:
        kind = type(self)
        kind.before = {cloud: scene.picture(cloud) for cloud in ("old", "new")}
        kind.sources = {tenant: scene.tenant("old", tenant) for tenant in TENANTS}
        kind.onboarding = tmp_path_factory.mktemp("onboarding")
        assert write_status(scene.member) == WRITES
        began = time.monotonic()
        open_ones = [tenant for tenant in TENANTS if tenant not in FENCED_ONES]
        others = scene.lab.console.begin(*scene.migrate(*sources(open_ones), "--no-fence"))
        command = scene.migrate(*sources(FENCED_ONES), "--onboarding", str(kind.onboarding))
        seen = watch(scene.lab.console.begin(*command), lambda: write_status(scene.member))
        said = others.wait(SLOW_S)
        assert said.code == 0, said.out[-6000:]
        print(f"\nfour tenants: {time.monotonic() - began:.0f} s, {seen.peak_mib:.0f} MiB at most")
        assert seen.said.code == 0, seen.said.out[-6000:]
        assert set(seen.seen) <= {WRITES, FENCED}
        assert FENCED in seen.seen
        assert WRITES not in seen.seen[seen.seen.index(FENCED) :], "once the fence is up it holds"
        assert 0 < seen.peak_mib < MEMORY_MIB

    @pytest.mark.parametrize("tenant", TENANTS)
    def test_it_is_the_same_in_both_clouds(self, scene: Scene, tenant: str) -> None:
        found = differences(self.sources[tenant], scene.tenant("new", tenant))
        assert not found, "\n".join(found)

    def test_only_data_have_moved(self, scene: Scene) -> None:
        report = scene.lab.console.ok("tenant", "report", f"old/{RICH}")
        (big,) = [
            row for row in report["moved"] if row["kind"] == "volume" and row["size_bytes"] == BIG_GIB << 30
        ]
        assert BIG_DATA <= big["moved_bytes"] <= BIG_DATA + 16 * MIB
        assert report["not_moved"] == []
        assert sorted(row["kind"] for row in report["for_owners"]) == ["credential", "volume_snapshot"]

    def test_a_member_writes_in_the_destination_and_not_in_the_source(self, scene: Scene) -> None:
        assert write_status(scene.member) == FENCED
        (file,) = [f for f in self.onboarding.iterdir() if RICH in f.name]
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        (row,) = [each for each in rows if each.get("name") == f"{RICH}-ops"]
        theirs = scene.lab.cloud("new").connect_as(
            username=f"{RICH}-ops", password=row["password"], user_domain_id="default", user_domain_name=None,
            project_id=scene.project("new", RICH), project_name=None, project_domain_id=None, project_domain_name=None,
        )  # fmt: skip
        made = theirs.network.post("/networks", json={"network": {"name": "wanted"}})
        assert made.status_code == 201, made.text
        assert theirs.network.delete(f"/networks/{made.json()['network']['id']}").status_code == 204

    def test_a_second_run_touches_nothing(self, scene: Scene) -> None:
        before = scene.picture("new", strict=True)
        # the fences that stand stay; the others need none now either
        said = scene.lab.console(*scene.migrate(*sources(), "--no-fence"), timeout_s=SLOW_S)
        assert said.code == 0, said.out[-6000:]
        assert not changes(before, scene.picture("new", strict=True))

    def test_verify_finds_them_equal(self, scene: Scene) -> None:
        side_by_side(scene, "verify")

    def test_rollback_leaves_both_clouds_as_they_were(self, scene: Scene) -> None:
        side_by_side(scene, "rollback")
        left = {cloud: changes(self.before[cloud], scene.picture(cloud)) for cloud in ("old", "new")}
        assert not left["old"], "\n".join(left["old"])
        assert not left["new"], "\n".join(left["new"])
        assert write_status(scene.member) == WRITES

    def test_commit_empties_the_source(self, scene: Scene) -> None:
        words = scene.migrate(f"old/{COMMITTED}", "--no-fence")
        done = scene.lab.console.ok(*words[:-2], timeout_s=SLOW_S)
        assert done["status"] == "done", done
        # nothing was looked at in between: Nova may not show the moved addresses yet
        clouds.wait_addresses_known(scene.lab.cloud("new"))
        there = scene.tenant("new", COMMITTED)
        done = scene.lab.console.ok("tenant", "commit", f"old/{COMMITTED}", "--yes", timeout_s=SLOW_S)
        assert done["status"] == "done", done
        left = scene.tenant("old", COMMITTED)
        stays = {"project", "user", "group", "role", "flavor", "keypair", "quota", "assignment"}
        owned = {kind: sorted(rows) for kind, rows in left.items() if rows and kind not in stays}
        assert list(owned) == ["security_group"], owned
        assert len(owned["security_group"]) == 1, "only the default group, which every project has"
        after = scene.tenant("new", COMMITTED)
        assert after == there, "\n".join(differences(there, after))
