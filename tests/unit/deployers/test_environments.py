"""The operator's environments script: its refusals name the key, its sloppy answers are none, and without it nothing is built."""

import sys
from pathlib import Path
from typing import Any

import pytest

from pumphouse.domain.errors import DeployerError, InvalidInputError
from pumphouse.domain.settings import EnvironmentSpec
from pumphouse.drivers.deployers.command.driver import CommandDeployer
from tests.unit.deployers.sites import environment, options

SCRIPT = Path(__file__).with_name("environments_script.py")


def deployer(directory: Path, mode: str = "", **more: Any) -> CommandDeployer:
    script = [sys.executable, str(SCRIPT)]
    return CommandDeployer(environment(), options(directory, mode, environments=script, **more))


def test_what_the_script_says_comes_in_the_ports_words(tmp_path: Path) -> None:
    site = deployer(tmp_path)
    assert site.releases() == ("2023.1", "2026.2")
    assert site.settings() == {"network.mtu": (1500, "site.yml")}
    lines: list[str] = []
    access = site.build(EnvironmentSpec("dup", "2026.2", {"network.mtu": 9000}), lines.append)
    assert (access.cloud, access.config_file) == ("dup", "/opt/site/clouds.yaml")
    assert "a line for a person" in lines
    assert site.built("dup") == EnvironmentSpec("dup", "2026.2", {"network.mtu": 9000})


def test_a_refusal_names_the_key(tmp_path: Path) -> None:
    site = deployer(tmp_path)
    with pytest.raises(InvalidInputError, match=r"storage\.colour.*nobody has that"):
        site.build(EnvironmentSpec("dup", "2026.2", {"storage.colour": "red"}), lambda line: None)
    assert site.built("dup") is None


def test_a_failure_tells_the_last_words(tmp_path: Path) -> None:
    with pytest.raises(DeployerError, match="the rack is dark"):
        deployer(tmp_path, "down").build(EnvironmentSpec("dup", "2026.2"), lambda line: None)


def test_sloppy_answers_are_none(tmp_path: Path) -> None:
    site = deployer(tmp_path, "nonsense")
    for ask in (
        site.releases,
        site.settings,
        lambda: site.settable("2026.2"),
        lambda: site.built("dup"),
        lambda: site.build(EnvironmentSpec("dup", "2026.2"), lambda line: None),
    ):
        with pytest.raises(DeployerError) as caught:
            ask()
        assert "Its last line" in caught.value.hint


def test_without_the_script_nothing_is_built_and_nothing_asked(tmp_path: Path) -> None:
    site = CommandDeployer(environment(), options(tmp_path))
    assert (list(site.releases()), dict(site.settings()), dict(site.settable("2026.2"))) == ([], {}, {})
    assert site.built("dup") is None
    site.raze("dup", lambda line: None)
    with pytest.raises(DeployerError, match="builds no environments"):
        site.build(EnvironmentSpec("dup", "2026.2"), lambda line: None)


@pytest.mark.parametrize("name", ["--force", "", "a b", "../x"])
def test_names_that_a_script_could_take_for_something_else_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInputError, match="environment"):
        deployer(tmp_path).build(EnvironmentSpec(name, "2026.2"), lambda line: None)
