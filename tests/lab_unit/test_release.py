"""Every release folder is complete: a lock file with hashes, and a way to launch each service."""

import re

import pytest

from pumphouse.lab.errors import LabConfigurationError
from pumphouse.lab.release import known_releases, load_release
from pumphouse.lab.services import API_SERVICES, INNER_SERVICES

PIN = re.compile(r"^[A-Za-z0-9._-]+==\S+ \\$", re.MULTILINE)


def test_the_two_releases_of_the_default_lab_are_there() -> None:
    assert {"2023.1", "2026.2"} <= set(known_releases())


@pytest.mark.parametrize("name", known_releases())
def test_all_pins_have_hashes_and_name_no_server(name: str) -> None:
    lock = load_release(name).lock_file.read_text()
    pins = PIN.findall(lock)
    assert len(pins) > 100
    for block in re.split(r"\n(?=\S)", lock):
        assert "--hash=sha256:" in block, block
    assert "://" not in lock


@pytest.mark.parametrize("name", known_releases())
def test_the_lock_holds_what_requirements_in_pins(name: str) -> None:
    release = load_release(name)
    lock = release.lock_file.read_text()
    wanted = re.findall(r"^(\S+==\S+)$", (release.folder / "requirements.in").read_text(), re.MULTILINE)
    assert len(wanted) >= 6
    for pin in wanted:
        assert f"{pin} \\" in lock


@pytest.mark.parametrize("name", known_releases())
def test_every_service_can_be_launched(name: str) -> None:
    release = load_release(name)
    assert set(release.services) == {*API_SERVICES, *INNER_SERVICES, "nova-compute"}
    for launch in release.services.values():
        assert launch.launch in {"uwsgi", "fork", "command"}
        if launch.launch == "fork":
            assert launch.target in release.preload[launch.parent]
        if launch.launch == "uwsgi":
            assert ":" in launch.target


def test_an_unknown_release_is_told_with_the_known_ones() -> None:
    with pytest.raises(LabConfigurationError, match=r"2099\.1") as caught:
        load_release("2099.1")
    assert "2023.1" in caught.value.hint
