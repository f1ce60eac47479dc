"""The command line: exit codes, machine-readable status, shell lines."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pumphouse.lab.commands import app
from pumphouse.lab.lab import Lab

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
