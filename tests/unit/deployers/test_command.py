"""The `command` deployer: exit codes, output, secrets, timeouts and crashes."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pumphouse.domain.errors import DeployerError, InvalidInputError, TemporaryError
from pumphouse.drivers.deployers.command.driver import CommandDeployer
from pumphouse.drivers.deployers.command.options import parse_options
from pumphouse.drivers.deployers.command.scrub import Scrubber
from pumphouse.ports.deployer import NodeDeployState, Role
from tests.unit.deployers.sites import calls, environment, options, put_node

# scripts run as processes, with times to keep
pytestmark = [pytest.mark.crash, pytest.mark.timed]


def deployer(directory: Path, mode: str = "", **more: Any) -> CommandDeployer:
    return CommandDeployer(environment(), options(directory, mode, **more))


def is_dead(process: int) -> bool:
    """Gone, or a zombie until its new parent looks."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_document_and_the_lines(tmp_path: Path) -> None:
    lines: list[str] = []
    deployer(tmp_path).install("node-1", Role.COMPUTE, lines.append)
    told = next(c for c in calls(tmp_path) if c["action"] == "install")
    assert told == {
        "contract_version": 1,
        "action": "install",
        "environment": "old",
        "node": "node-1",
        "role": "compute",
        "options": {"rack": 7},
    }
    assert "install node-1 with no token" in lines
    assert "a word on stderr" in lines


def test_state_is_asked_first_and_nothing_is_done_twice(tmp_path: Path) -> None:
    put_node(tmp_path, "node-1")
    deployer(tmp_path).install("node-1", Role.COMPUTE, lambda line: None)
    assert [c["action"] for c in calls(tmp_path)] == ["state"]


def test_a_failure_carries_the_last_words_without_secrets(tmp_path: Path) -> None:
    with pytest.raises(DeployerError, match=r"exit code 1.*disk full") as caught:
        deployer(tmp_path, "fail").install("node-1", Role.COMPUTE, lambda line: None)
    assert "hunter2" not in str(caught.value)


def test_a_refusal_names_its_reasons(tmp_path: Path) -> None:
    put_node(tmp_path, "node-1")
    site = deployer(tmp_path, "refuse")
    assert site.validate("node-1", Role.COMPUTE) == ["the rack is being rewired"]
    with pytest.raises(DeployerError, match="refused: the rack is being rewired"):
        site.take_down("node-1", lambda line: None)


def test_exit_75_asks_for_a_later_try(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError) as caught:
        deployer(tmp_path, "later").install("node-1", Role.COMPUTE, lambda line: None)
    assert caught.value.after_s == 7


def test_a_script_that_ends_well_without_doing_it_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(DeployerError, match="ended well, but its state is absent"):
        deployer(tmp_path, "liar").install("node-1", Role.COMPUTE, lambda line: None)


def test_out_of_time_ends_the_whole_process_group(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(DeployerError, match="stopped after"):
        deployer(tmp_path, "hang", timeout_s=0.7).install("node-1", Role.COMPUTE, lambda line: None)
    assert time.monotonic() - began < 12
    child = int((tmp_path / "child").read_text())
    end = time.monotonic() + 10
    while not is_dead(child):
        assert time.monotonic() < end, "the child lives on"
        threading.Event().wait(0.05)


def test_secrets_are_blotted_out_of_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_TOKEN", "s3cr3t-token")
    lines: list[str] = []
    deployer(tmp_path, pass_env=["SITE_TOKEN"]).install("node-1", Role.COMPUTE, lines.append)
    assert "install node-1 with ***" in lines


def test_our_own_environment_is_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_TOKEN", "s3cr3t-token")
    lines: list[str] = []
    deployer(tmp_path).install("node-1", Role.COMPUTE, lines.append)
    assert "install node-1 with no token" in lines


def test_an_error_of_whoever_listens_ends_the_script(tmp_path: Path) -> None:
    def deaf(line: str) -> None:
        raise ZeroDivisionError(line)

    with pytest.raises(ZeroDivisionError):
        deployer(tmp_path, "slow").install("node-1", Role.COMPUTE, deaf)
    assert deployer(tmp_path).state("node-1") is NodeDeployState.ABSENT


def test_a_script_that_outlives_a_killed_pumphouse_is_waited_for(tmp_path: Path) -> None:
    """kill -9 in the middle of an install: the script goes on, and the next call does not run a second one beside it."""
    program = (
        "import sys; from pathlib import Path; from tests.unit.deployers.test_command import deployer; from pumphouse.ports.deployer import Role;"
        f"deployer(Path({str(tmp_path)!r}), 'slow').install('node-1', Role.COMPUTE, lambda line: print(line, flush=True))"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert first.stdout is not None
    # the script has begun, and has said all that it says: a line to a dead reader would end it
    assert first.stdout.readline()
    assert first.stdout.readline()
    first.send_signal(signal.SIGKILL)
    first.stdout.close()
    first.wait()
    deployer(tmp_path, "slow").install("node-1", Role.COMPUTE, lambda line: None)
    assert (tmp_path / "done").read_text() == "install\n"
    assert [c["action"] for c in calls(tmp_path)].count("install") == 1


def test_a_node_that_another_script_holds_too_long_is_a_temporary_error(tmp_path: Path) -> None:
    busy = threading.Thread(
        target=lambda: deployer(tmp_path, "slow").install("node-1", Role.COMPUTE, lambda line: started.set())
    )
    started = threading.Event()
    busy.start()
    assert started.wait(10)
    with pytest.raises(TemporaryError, match="another deployer script"):
        deployer(tmp_path, timeout_s=0.3).take_down("node-1", lambda line: None)
    busy.join()


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    site = CommandDeployer(environment(), options(tmp_path) | {"install": ["/nowhere/install"]})
    assert site.validate("node-1", Role.COMPUTE) == [
        "install: '/nowhere/install' is not an executable file on this host"
    ]
    with pytest.raises(DeployerError, match="cannot start '/nowhere/install'"):
        site.install("node-1", Role.COMPUTE, lambda line: None)


def test_no_shell_looks_at_the_arguments(tmp_path: Path) -> None:
    marker = tmp_path / "pwned"
    site = CommandDeployer(
        environment(),
        options(tmp_path) | {"state": ["/bin/echo", f"$(touch {marker})", ";", '{"state": "absent"}']},
    )
    with pytest.raises(DeployerError, match="answered"):
        site.state(f"node; touch {marker}")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"install": "/opt/install --now"}, "install"),
        ({"install": []}, "install"),
        ({"install": ["/opt/install", 8]}, "install"),
        ({"state": None}, "state"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": "soon"}, "timeout_s"),
        ({"timeout_s": True}, "timeout_s"),
        ({"env": {"A B": "x"}}, "env.A B"),
        ({"env": {"A": 1}}, "env.A"),
        ({"env": ["A"]}, "env"),
        ({"pass_env": "TOKEN"}, "pass_env"),
        ({"roles": ["storage"]}, "roles"),
        ({"roles": []}, "roles"),
        ({"reinstalls_removed": "yes"}, "reinstalls_removed"),
        ({"options": [1]}, "options"),
        ({"directory": 7}, "directory"),
        ({"instal": ["/opt/install"]}, "instal"),
    ],
)
def test_bad_options_name_the_field(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_options(options(tmp_path) | change)
    assert caught.value.field == f"deployer_options.{field}"
    assert caught.value.hint


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    given = options(tmp_path)
    del given["take_down"]
    with pytest.raises(InvalidInputError, match="take_down"):
        parse_options(given)


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("see https://joe:hunter2@host/x", "see https://***@host/x"),
        ('{"admin_password": "hunter2", "a": 1}', '{"admin_password": ***, "a": 1}'),
        ("OS_PASSWORD=hunter2 done", "OS_PASSWORD=*** done"),
        ("\x1b[31mred\x1b[0m\x07", "red"),
        ("longer-known and known", "*** and known"),
        ("x" * 3000, "x" * 2000 + " [cut]"),
        ("monkey: banana", "monkey: banana"),
    ],
)
def test_scrubbing(line: str, clean: str) -> None:
    assert Scrubber(["longer-known"]).line(line) == clean


def test_a_chatty_script_neither_blocks_nor_fills_memory(tmp_path: Path) -> None:
    script = tmp_path / "chatty"
    script.write_text(
        '#!/bin/sh\nfor i in $(seq 5000); do echo line $i; echo err $i >&2; done\necho \'{"state": "absent"}\'\n'
    )
    script.chmod(0o755)
    site = CommandDeployer(environment(), options(tmp_path) | {"state": [str(script)]})
    assert site.state("node-1") is NodeDeployState.ABSENT
    assert threading.active_count() < 20


def script_at(directory: Path, *lines: str) -> Any:
    script = directory / "script"
    script.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    script.chmod(0o755)
    return CommandDeployer(environment(), options(directory) | {"state": [str(script)]})


ANSWER = """echo '{"state": "absent"}'"""


def test_an_answer_is_read_however_late_we_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is busy with clouds more than the time for last lines may pass before we look."""
    monkeypatch.setattr("pumphouse.drivers.deployers.command.process.DRAIN_S", 0.0)
    site = script_at(tmp_path, "for i in $(seq 3000); do echo line $i; done", ANSWER)
    assert site.state("node-1") is NodeDeployState.ABSENT


def test_a_daemon_that_keeps_the_pipes_does_not_keep_us(tmp_path: Path) -> None:
    site = script_at(tmp_path, "(sleep 30; echo late) &", f'printf %s "$({ANSWER})"')
    began = time.monotonic()
    assert site.state("node-1") is NodeDeployState.ABSENT
    assert time.monotonic() - began < 20


def test_a_daemon_that_never_stops_talking_does_not_keep_us(tmp_path: Path) -> None:
    site = script_at(tmp_path, "(for i in $(seq 200); do echo more >&2; sleep 0.1; done) &", ANSWER)
    began = time.monotonic()
    assert site.state("node-1") is NodeDeployState.ABSENT
    assert time.monotonic() - began < 15


def test_a_line_longer_than_an_answer_may_be_comes_in_pieces(tmp_path: Path) -> None:
    site = script_at(tmp_path, "head -c 200000 /dev/zero | tr '\\0' x", "echo", ANSWER)
    assert site.state("node-1") is NodeDeployState.ABSENT
