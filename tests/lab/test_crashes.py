"""kill -9 of the command at every step boundary and in the middle of servers' moves, on real clouds: each time the next start goes on.

The fake cloud is killed at each single call in tests/unit/workflows; here it is the real services that have to agree afterwards.
"""

from time import monotonic, sleep
from typing import Any

import pytest

from tests.lab import clouds
from tests.lab.conftest import TestLab
from tests.lab.records import Records

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]


KINDS = {"reassign_node", "evacuate_node", "maintain_node"}
LOOK_EVERY_S = 0.005
TOO_QUICK = {("reassign_node", "end")}
"""Steps that may be over before the signal arrives: they ask no cloud and only write to our own database."""


def finished_moves(cloud: Any) -> dict[str, int]:
    """Server id -> how many migrations of it have come to their end, as Nova records them."""
    answer = cloud.compute.get("/os-migrations", microversion="2.59")
    counts: dict[str, int] = {}
    for migration in answer.json()["migrations"]:
        if migration["status"] in {"completed", "confirmed"}:
            counts[migration["instance_uuid"]] = counts.get(migration["instance_uuid"], 0) + 1
    return counts


def kill_again_and_again(
    lab: TestLab, records: Records, first: list[str], kind: str
) -> tuple[set[tuple[str, str]], int]:
    """Kill at each step that begins and at each server whose move begins; answers those (kind, step), and how many servers."""
    steps: set[tuple[str, ...]] = set(records.begun_steps())
    items: set[tuple[str, ...]] = set(records.running_items())
    killed_steps: set[tuple[str, str]] = set()
    killed_items = 0
    running = lab.console.begin(*first)
    deadline = monotonic() + 1200
    while running.process.poll() is None:
        assert monotonic() < deadline, "it does not come to an end"
        new_steps, new_items = records.begun_steps() - steps, records.running_items() - items
        if not new_steps and not new_items:
            sleep(LOOK_EVERY_S)
            continue
        if new_items:
            killed_items += 1
            sleep(1.0)  # Nova has been asked by now
        running.kill()
        begun, standing = records.begun_steps(), records.standing_steps()
        # those that have begun since the last kill and did not come to their end: a parent's step begins together with its child's
        killed_steps |= {(row[1], row[2]) for row in (begun - steps) & standing}
        steps |= begun
        items |= records.running_items()
        operation = records.root_operation(kind)
        assert operation
        if records.stands_at(operation, "done"):
            # its last step began and ended between our look and the kill: there is nothing to resume
            return killed_steps, killed_items
        running = lab.console.begin("operation", "resume", operation)
    said = running.wait()
    assert said.code == 0, said.out[-3000:]
    return killed_steps, killed_items


@pytest.fixture(scope="module")
def before(populated: TestLab) -> dict[str, tuple[str, str]]:
    return clouds.placed(populated.cloud("old"))


def test_a_move_survives_being_killed_at_every_boundary(
    populated: TestLab, before: dict[str, tuple[str, str]]
) -> None:
    old, new = populated.cloud("old"), populated.cloud("new")
    on_node = {s.id: s.name for s in clouds.servers(old).values() if s.compute_host == "node-3"}
    assert len(on_node) >= 3
    moved_before = finished_moves(old)
    records = Records(populated.console.state_dir / "pumphouse.db")

    killed_steps, killed_items = kill_again_and_again(
        populated,
        records,
        ["node", "move", "old/node-3", "--to", "new", "--parallel", "2", "--yes"],
        "reassign_node",
    )
    print(f"killed at {len(killed_steps)} step boundaries and in {killed_items} moves of servers")
    operation = records.root_operation("reassign_node")
    assert operation
    there = {step: status for step, status in records.steps_of(operation).items() if step[0] in KINDS}
    assert {kind for kind, _ in there} == KINDS
    due = {step for step, status in there.items() if status != "skipped"} - TOO_QUICK
    assert due <= killed_steps, f"never killed at the begin of {sorted(due - killed_steps)}"
    assert killed_items >= 2

    after = clouds.placed(old)
    assert {n: s for n, (_, s) in after.items()} == {n: s for n, (_, s) in before.items()}
    assert all(after[name][0] in {"node-1", "node-2"} for name in on_node.values())
    moved = finished_moves(old)
    for server_id, name in on_node.items():
        assert moved[server_id] - moved_before.get(server_id, 0) == 1, f"{name} was moved more than once"
    assert clouds.compute_hosts(new) == {"node-3": ("enabled", "up")}
    assert set(clouds.compute_hosts(old)) == {"node-1", "node-2"}
    assert not clouds.servers(new)


def test_an_undo_survives_being_killed_too(populated: TestLab, before: dict[str, tuple[str, str]]) -> None:
    old, new = populated.cloud("old"), populated.cloud("new")
    records = Records(populated.console.state_dir / "pumphouse.db")
    operation = records.root_operation("reassign_node")
    assert operation
    running = populated.console.begin("operation", "undo", operation, "--yes")
    too_late = False
    for _ in range(4):
        sleep(6)
        if running.process.poll() is not None:
            break
        running.kill()
        if too_late := records.stands_at(operation, "undone"):
            break
        running = populated.console.begin("operation", "resume", operation)
    if not too_late:
        said = running.wait(900)
        assert said.code == 0, said.out[-3000:]
    assert populated.console.ok("operation", "show", operation)["status"] == "undone"
    assert clouds.placed(old) == before, "the servers are where they were, in the state they had"
    assert clouds.compute_hosts(new) == {}
    assert clouds.compute_hosts(old)["node-3"] == ("enabled", "up")
