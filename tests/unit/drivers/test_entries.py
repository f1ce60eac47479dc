"""Finding entries of clouds.yaml in the usual places, and sealing them."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import InvalidInputError
from pumphouse.drivers.entries import ClientConfigEntries, CloudLimits, usual_places
from pumphouse.drivers.secrets.key_file import KeyFileSecrets
from tests.fakes.clock import FakeClock
from tests.simulated.content import Content
from tests.simulated.server import SimulatedCloud

ENTRY = "    auth: {auth_url: 'http://127.0.0.1:5000/v3', username: admin, password: hunter2, project_name: admin}\n"


def write(path: Path, *names: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("clouds:\n" + "".join(f"  {name}:\n{ENTRY}" for name in names))
    return path


def entries(tmp_path: Path, *places: Path) -> ClientConfigEntries:
    secrets = KeyFileSecrets(tmp_path / "keys")
    return ClientConfigEntries(places=places, secrets=secrets, clock=FakeClock(), limits=CloudLimits())


def test_the_first_place_with_the_entry_counts(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1.yaml", "a"), write(tmp_path / "2.yaml", "a", "b")
    finder = entries(tmp_path, tmp_path / "missing.yaml", one, two)
    assert finder.find("a", None).config_file == str(one)
    assert finder.find("b", None).config_file == str(two)
    assert finder.find("b", str(two)).sealed is None


def test_what_is_missing_is_told_with_what_there_is(tmp_path: Path) -> None:
    finder = entries(tmp_path, write(tmp_path / "1.yaml", "a"))
    with pytest.raises(InvalidInputError) as caught:
        finder.find("b", None)
    assert "a in " in caught.value.hint
    with pytest.raises(InvalidInputError, match="no such file"):
        finder.find("a", str(tmp_path / "nope.yaml"))


def test_a_broken_file_is_told_without_its_content(tmp_path: Path) -> None:
    broken = tmp_path / "1.yaml"
    broken.write_text("clouds: {a: {auth: {password: hunter2")
    with pytest.raises(InvalidInputError) as caught:
        entries(tmp_path, broken).find("a", None)
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_a_sealed_entry_needs_no_file_and_shows_no_secret(tmp_path: Path) -> None:
    path = write(tmp_path / "1.yaml", "a")
    finder = entries(tmp_path, path)
    sealed = finder.seal(finder.find("a", None))
    path.unlink()
    assert sealed.sealed
    assert sealed.config_file is None
    assert "hunter2" not in repr(sealed) + sealed.sealed


def test_the_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "mine.yaml"))
    places = usual_places(tmp_path / "state", tmp_path / "lab")
    assert places[0] == tmp_path / "mine.yaml"
    assert places[1] == Path.cwd() / "clouds.yaml"
    assert Path("/etc/openstack/clouds.yaml") in places
    assert places[-2] == tmp_path / "lab/clouds.yaml"


def environment(access: CloudAccess) -> Environment:
    return Environment("id-of-a", "a", access, None, {}, FakeClock().now())


def test_the_drivers_of_a_cloud_share_one_login(tmp_path: Path) -> None:
    with SimulatedCloud(Content(nodes=2, servers=2)) as sim:
        other = {**sim.auth, "username": "other"}
        known = {"a": {"auth": dict(sim.auth)}, "b": {"auth": other}}
        (tmp_path / "1.yaml").write_text(yaml.safe_dump({"clouds": known}))
        finder = entries(tmp_path, tmp_path / "1.yaml")
        found = environment(finder.find("a", None))
        opened: tuple[Any, ...] = finder.open(found), finder.open_tenants(found), finder.open_resources(found)
        cloud, tenants, resources = opened
        try:
            assert cloud.nodes(summary=True)
            assert tenants.service_types()
            assert resources.room("")
            assert sim.count("identity", "/auth/tokens") == 1
            changed = replace(found, access=finder.find("b", None))
            with closing(finder.open_tenants(changed)) as others:
                assert others.service_types()
            assert sim.count("identity", "/auth/tokens") == 2, "another user is another login"
        finally:
            for each in opened:
                each.close()
