"""kill -9 of `tenant maintenance on` and `off` at every step that begins, on real clouds: `off` brings back exactly the first state."""

from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any

import pytest

from tests.lab.conftest import TestLab
from tests.lab.console import Running
from tests.lab.fenced_people import People, assignments, people_of
from tests.lab.probed_tenant import belongings, probed_tenant
from tests.lab.records import Records
from tests.lab.test_fence import leftover_users, policy_files

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]
TENANT = "old/killed-tenant"
LOOK_EVERY_S = 0.005


@pytest.fixture(scope="module")
def people(lab: TestLab) -> Iterator[People]:
    admin = lab.cloud("old")
    with probed_tenant(admin, "killed") as tenant, people_of(admin, tenant, "killed") as everybody:
        yield everybody


@pytest.fixture(scope="module")
def records(lab: TestLab) -> Records:
    return Records(lab.console.state_dir / "pumphouse.db")


def state(lab: TestLab, people: People) -> Any:
    files = {k: v for k, v in policy_files(lab, "old").items() if not k.startswith("glance")}
    return assignments(people.admin, people.tenant.id), belongings(people.admin, people.tenant.id), files


def kill_when(
    running: Running, records: Records, known: set[tuple[str, ...]], wait_s: float
) -> list[str] | None:
    """Kill it a moment after the next step has begun, and say in which; None when it came to its end first."""
    end = monotonic() + 300
    while running.process.poll() is None:
        assert monotonic() < end, "nothing goes on"
        new = records.begun_steps() - known
        if not new:
            sleep(LOOK_EVERY_S)
            continue
        sleep(wait_s)
        if running.process.poll() is not None:
            break
        running.kill()
        known |= records.begun_steps()
        return sorted(row[2] for row in records.standing_steps() if row[1] == "unlock_tenant")
    return None


def goes_through(person: Any) -> int:
    return int(
        person.ask("PUT", "network", "/v2.0/networks/{network}", {"network": {"description": "after"}})
    )


def kill_on(lab: TestLab, records: Records, step: str, wait_s: float) -> None:
    """`on`, killed a moment after that step has begun."""
    known = set(records.begun_steps())
    running = lab.console.begin("tenant", "maintenance", "on", TENANT, "--yes")
    end = monotonic() + 300
    while not any(row[2] == step for row in records.begun_steps() - known):
        assert running.process.poll() is None, "it ended too soon"
        assert monotonic() < end, "nothing goes on"
        sleep(LOOK_EVERY_S)
    sleep(wait_s)
    assert running.process.poll() is None, "it was not killed in its middle"
    running.kill()


def as_before(lab: TestLab, people: People, before: Any) -> None:
    assert state(lab, people) == before
    assert leftover_users(people) == []
    assert goes_through(people.persons["direct member"]) == 200


@pytest.mark.long
def test_off_after_a_kill_of_on(lab: TestLab, people: People, records: Records) -> None:
    before = state(lab, people)
    kill_on(lab, records, "override_policies", 2.0)
    said = lab.console.ok("tenant", "maintenance", "off", TENANT, "--yes", timeout_s=600)
    assert said["status"] == "done"
    as_before(lab, people, before)


@pytest.mark.long
def test_off_after_a_kill_of_the_proof_survives_being_killed(
    lab: TestLab, people: People, records: Records
) -> None:
    """By then everything stands, and `off` has all of its steps to do."""
    before = state(lab, people)
    kill_on(lab, records, "prove", 1.5)
    known = set(records.begun_steps())
    killed: list[str] = []
    running = lab.console.begin("tenant", "maintenance", "off", TENANT, "--yes")
    while (step := kill_when(running, records, known, 0.3)) is not None:
        killed += step
        operation = records.root_operation("unlock_tenant")
        assert operation
        if lab.console.ok("operation", "show", operation)["status"] == "done":
            break  # it had ended before the signal arrived
        running = lab.console.begin("operation", "resume", operation)
    else:
        said = running.wait()
        assert said.code == 0, said.out[-3000:]
    assert "lift_policies" in killed, killed
    as_before(lab, people, before)
