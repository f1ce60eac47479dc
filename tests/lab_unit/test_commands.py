"""The command line: exit codes, machine-readable status, shell lines."""

import json
import threading
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pumphouse.lab.commands import app
from pumphouse.lab.errors import LabError
from pumphouse.lab.lab import Lab
from pumphouse.lab.locks import Lock
from pumphouse.lab.populate.run import PopulateReport
from pumphouse.lab.populate.tasks import Outcome

runner = CliRunner()


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path / "lab", port_base=29800)
    made.state_dir.mkdir()
    made._save(made._topology)
    return made


def test_status_of_a_lab_that_does_not_run(lab: Lab) -> None:
    result = runner.invoke(app, ["status", "-o", "json", "--state-dir", str(lab.state_dir)])
    rows = json.loads(result.stdout)
    assert result.exit_code == 0
    assert {"id", "name", "status", "environment", "pid", "rss_bytes", "port"} <= set(rows[0])
    assert {row["status"] for row in rows} == {"stopped"}
    assert {row["environment"] for row in rows} == {"shared", "old", "new"}
    assert "old-nova-compute-node-1" in {row["name"] for row in rows}


def test_a_dead_process_shows_its_last_lines(lab: Lab) -> None:
    lab.layout.run_dir.mkdir()
    lab.layout.log_dir.mkdir()
    record = {"name": "old-glance", "pid": 1, "started": 0, "boot": "b", "cloud": "old", "port": 29892}
    (lab.layout.run_dir / "old-glance.json").write_text(json.dumps(record))
    lab.layout.log_file("old-glance").write_text("first\n\x1b[31mno such table\x1b[00m\n")
    (row,) = [r for r in lab.status() if r.status == "dead"]
    assert row.name == "old-glance"
    assert row.last_lines[-1] == "no such table"


def test_env_names_the_clouds_file(lab: Lab) -> None:
    result = runner.invoke(app, ["env", "--state-dir", str(lab.state_dir)])
    assert f"export OS_CLIENT_CONFIG_FILE={lab.clouds_yaml}" in result.stdout


def test_path(tmp_path: Path) -> None:
    assert runner.invoke(app, ["path", "--state-dir", str(tmp_path)]).stdout.strip() == str(tmp_path)


def test_no_lab_is_a_failure_with_a_remedy(tmp_path: Path) -> None:
    result = runner.invoke(app, ["status", "--state-dir", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "pumphouse lab up" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--cloud", "old"],
        ["up", "--cloud", "old=2023.1", "--release-old", "2023.1"],
        ["up", "--release-new", "2099.1"],
        ["up", "--port-base", "80"],
        ["logs", "nobody"],
    ],
)
def test_wrong_usage_is_2(lab: Lab, tmp_path: Path, arguments: list[str]) -> None:
    place = lab.state_dir if arguments[0] == "logs" else tmp_path / "fresh"
    result = runner.invoke(app, [*arguments, "--state-dir", str(place)])
    assert result.exit_code == 2, result.output
    assert not (tmp_path / "fresh").exists()


def test_errors_have_a_code_and_a_hint(tmp_path: Path) -> None:
    result = runner.invoke(app, ["status", "--state-dir", str(tmp_path / "none")])
    error, hint = result.stderr.splitlines()
    assert error == f"Error [lab-failed]: there is no lab in {tmp_path / 'none'}"
    assert hint.startswith("Hint: ")


def test_populate_tells_errors_in_the_same_way(tmp_path: Path) -> None:
    result = runner.invoke(app, ["populate", "old", "--state-dir", str(tmp_path / "none")])
    assert result.exit_code in {1, 2}
    assert result.stderr.startswith("Error [lab-")
    assert "\nHint: " in result.stderr
    for wrong in (["--servers", "0"], ["-o", "xml"]):
        assert runner.invoke(app, ["populate", *wrong]).exit_code == 2


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_populate_answers_with_the_keys_of_the_contract(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, output: str
) -> None:
    report = PopulateReport("old", 1.5, {"server x": Outcome.MADE}, {}, {"node-1": 1}, {"ACTIVE": 1})
    monkeypatch.setattr("pumphouse.lab.populate.run.populate", lambda *_: report)
    for name in ("connection_factory", "tenant_logins"):
        monkeypatch.setattr(f"pumphouse.lab.populate.logins.{name}", lambda *_: None)
    result = runner.invoke(app, ["populate", "old", "-o", output, "--state-dir", str(tmp_path)])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout) if output == "json" else yaml.safe_load(result.stdout)
    assert {"id": "old", "status": "done", "environment": "old", "changed": 1}.items() <= answer.items()
    assert answer["name"]


def test_a_wiped_lab_leaves_nothing_behind(lab: Lab) -> None:
    lab.down()
    assert lab._lock_file.exists()
    lab.down(wipe=True)
    assert list(lab.state_dir.parent.iterdir()) == []


def test_who_waited_for_a_removed_lock_holds_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    entered, done = threading.Event(), threading.Event()

    def wait() -> None:
        with Lock(path):
            entered.set()
            done.wait(10)

    waiter = threading.Thread(target=wait)
    with Lock(path) as lock:
        waiter.start()
        assert not entered.wait(0.2)
        lock.remove()
    assert entered.wait(10)
    # the waiter's lock is on the file that newcomers find
    with pytest.raises(LabError, match="another lab command"), Lock(path, wait=False):
        pass
    done.set()
    waiter.join()
