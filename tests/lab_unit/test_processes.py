"""Records of processes: they survive a crash of the command, and never mistake a stranger for one of ours."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pumphouse.lab.errors import LabCommandError, ProcessDiedError
from pumphouse.lab.layout import Layout
from pumphouse.lab.processes import MARK, Processes, ProcessSpec, start_time
from pumphouse.lab.waiting import wait_until

# The lab leaves its processes running on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

SLEEP = ("/bin/sleep", "300")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    found = Processes(Layout(tmp_path / "lab"))
    yield found
    found.sweep()


def test_start_is_idempotent_and_stop_leaves_nothing(processes: Processes) -> None:
    first = processes.start(ProcessSpec("sleeper", SLEEP))
    assert processes.start(ProcessSpec("sleeper", SLEEP)) == first
    processes.stop("sleeper")
    processes.stop("sleeper")
    assert start_time(first.pid) is None
    assert processes.records() == {}


def test_a_reused_pid_is_not_ours(processes: Processes) -> None:
    mine = processes.start(ProcessSpec("sleeper", SLEEP))
    processes.record_file("ghost").write_text(
        json.dumps(
            {
                "name": "ghost",
                "pid": os.getpid(),
                "started": 1,
                "boot": mine.boot,
                "cloud": None,
                "port": None,
            }
        )
    )
    assert processes.alive("ghost") is None
    processes.stop("ghost")  # must not stop the test run


def test_a_record_from_before_a_reboot_is_dead(processes: Processes) -> None:
    mine = processes.start(ProcessSpec("sleeper", SLEEP))
    old = replace(mine, boot="another")
    processes.record_file("sleeper").write_text(json.dumps({k: getattr(old, k) for k in old.__slots__}))
    assert processes.alive("sleeper") is None
    processes.record_file("sleeper").write_text(json.dumps({k: getattr(mine, k) for k in mine.__slots__}))


def test_a_half_written_record_counts_as_none(processes: Processes) -> None:
    processes.start(ProcessSpec("sleeper", SLEEP))
    processes.record_file("broken").write_text('{"name": "bro')
    assert set(processes.records()) == {"sleeper"}


def test_sweep_finds_what_no_record_names_and_spares_the_rest(processes: Processes, tmp_path: Path) -> None:
    kept = processes.start(ProcessSpec("kept", SLEEP))
    stray = subprocess.Popen(SLEEP, env={MARK: str(tmp_path / "lab")}, start_new_session=True)
    neighbour = subprocess.Popen(SLEEP, env={MARK: str(tmp_path / "lab2")}, start_new_session=True)
    try:
        assert processes.sweep(keep=["kept"]) == 1
        wait_until(lambda: start_time(stray.pid) is None, what="the stray is gone", timeout_s=10)
        assert processes.alive("kept") == kept
        assert neighbour.poll() is None
    finally:
        neighbour.kill()
        neighbour.wait()


def test_a_dead_process_is_named_with_the_end_of_its_log(processes: Processes) -> None:
    processes.start(
        ProcessSpec("loser", ("/bin/sh", "-c", "sleep 0.2; echo one; echo 'the reason' >&2; exit 3"))
    )
    wait_until(lambda: processes.alive("loser") is None, what="it ends", timeout_s=10)
    with pytest.raises(ProcessDiedError, match=r"(?s)loser died.*the reason") as caught:
        processes.check_alive("loser")
    assert "loser.log" in caught.value.hint


def test_kill_leaves_a_dead_record(processes: Processes) -> None:
    processes.start(ProcessSpec("victim", SLEEP))
    processes.kill("victim")
    assert processes.alive("victim") is None
    assert processes.record("victim") is not None


def test_a_failed_command_carries_its_last_words(processes: Processes) -> None:
    with pytest.raises(LabCommandError, match="sh ended with 4:\nwhy") as caught:
        processes.run("/bin/sh", "-c", "echo why; exit 4")
    assert caught.value.code == "lab-command-failed"


def test_the_users_environment_stays_out(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLOUD", "mine")
    assert "OS_CLOUD" not in processes.run("/usr/bin/env")
