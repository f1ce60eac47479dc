"""The policy host contract on the fake and on an operator's script; the lab's own services are tried in tests/lab/test_policy_host.py."""

import sys
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from pumphouse.domain.errors import DeployerError, TemporaryError
from pumphouse.drivers.deployers.command.driver import CommandDeployer
from pumphouse.ports.policy import PolicyHost
from tests.contracts.memory_deployer import MemoryDeployer
from tests.contracts.policy import PolicyHostContract
from tests.fakes.clock import FakeClock
from tests.fakes.policy import FakePolicyHost
from tests.fakes.world import World
from tests.unit.deployers.sites import environment, options

SCRIPT = Path(__file__).parents[1] / "unit" / "deployers" / "policy_script.py"


def scripted(directory: Path, mode: str = "", **more: Any) -> PolicyHost:
    given = options(directory, mode, policy=[sys.executable, str(SCRIPT)], **more)
    host = CommandDeployer(environment(), given).policy()
    assert host is not None
    return host


class TestFakePolicyHost(PolicyHostContract):
    @pytest.fixture
    @override
    def host(self) -> PolicyHost:
        return FakePolicyHost(World("old", FakeClock()))


@pytest.mark.crash
class TestScriptedPolicyHost(PolicyHostContract):
    @pytest.fixture
    @override
    def host(self, tmp_path: Path) -> PolicyHost:
        return scripted(tmp_path)


def test_without_a_script_there_is_no_policy(tmp_path: Path) -> None:
    assert CommandDeployer(environment(), options(tmp_path)).policy() is None
    assert MemoryDeployer().policy() is None


def test_an_answer_longer_than_a_line_of_a_log_is_read_whole(tmp_path: Path) -> None:
    assert scripted(tmp_path, "long").view("nova").rules


def test_a_controller_that_cannot_be_reached_is_said_without_secrets(tmp_path: Path) -> None:
    with pytest.raises(DeployerError, match=r"policy view nova.*exit code 255.*connect to host") as caught:
        scripted(tmp_path, "down").view("nova")
    assert "hunter2" not in str(caught.value)


def test_a_script_may_ask_for_a_later_try(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError) as caught:
        scripted(tmp_path, "later").view("nova")
    assert caught.value.after_s == 9


def test_an_answer_that_is_no_view_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(DeployerError, match="not what docs/contracts"):
        scripted(tmp_path, "nonsense").view("nova")


def test_a_file_is_never_seen_half_written_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    host = scripted(tmp_path)
    (tmp_path / "policy.d").mkdir(mode=0o750)
    (tmp_path / "policy.d" / "theirs.yaml").write_text("{}")
    host.write("nova", '"nova:create": "!"', expected=host.view("nova").version)
    assert {p.name for p in (tmp_path / "policy.d").iterdir()} == {"theirs.yaml", "zz-pumphouse.yaml"}
    assert {p.name for p in tmp_path.iterdir() if p.name.startswith(".")} == set()
    assert (tmp_path / "policy.d" / "zz-pumphouse.yaml").stat().st_mode & 0o777 == 0o640


def test_a_change_is_newer_than_a_file_with_a_date_of_tomorrow(tmp_path: Path) -> None:
    """oslo.policy reads the directory again only when its newest mtime has grown."""
    import os
    import time

    directory = tmp_path / "policy.d"
    directory.mkdir()
    theirs = directory / "theirs.yaml"
    theirs.write_text("{}")
    tomorrow = time.time() + 86400
    os.utime(theirs, (tomorrow, tomorrow))

    def newest() -> float:
        return max(p.stat().st_mtime for p in (directory, *directory.iterdir()))

    host, before = scripted(tmp_path), newest()
    version = host.write("nova", '"nova:create": "!"', expected=host.view("nova").version)
    assert (between := newest()) > before
    host.write("nova", "", expected=version)
    assert newest() > between
