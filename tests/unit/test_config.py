"""The configuration: where values come from, and how wrong ones are told."""

import os
from pathlib import Path

import pytest

from pumphouse import config
from pumphouse.domain.errors import InvalidInputError


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in list(os.environ):
        if name.startswith("PUMPHOUSE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def write(tmp_path: Path, text: str) -> None:
    (tmp_path / "config/pumphouse").mkdir(parents=True)
    (tmp_path / "config/pumphouse/config.toml").write_text(text)


def test_defaults_lie_in_the_state_directory(tmp_path: Path) -> None:
    settings = config.load()
    state = tmp_path / "state/pumphouse"
    assert settings.state_dir == state
    assert settings.database == f"sqlite:///{state}/pumphouse.db"
    assert (settings.keys, settings.own_token) == (state / "keys", state / "token")
    assert (settings.host, settings.server) == ("127.0.0.1", None)


def test_a_variable_is_stronger_than_the_file_and_an_option_than_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 'port = 1000\nserver = "http://file"\nlog_level = "debug"\n')
    monkeypatch.setenv("PUMPHOUSE_PORT", "2000")
    monkeypatch.setenv("PUMPHOUSE_SERVER", "http://variable")
    settings = config.load(server="http://option")
    assert (settings.port, settings.server, settings.log_level) == (2000, "http://option", "debug")


def test_the_variables_of_the_lab_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUMPHOUSE_LAB_DIR", "/somewhere")
    config.load()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("port = 70000", "port"),
        ('port = "many"', "port"),
        ('prot = 80', "prot"),
        ('server = "localhost"', "server"),
        ('database_url = "oracle://me:hunter2@x"', "database_url"),
        ('webhook_url = "ftp://hunter2"', "webhook_url"),
        ('tokens = [{name = "x", role = "king", sha256 = "hunter2"}]', "tokens"),
        ("port = = 1", "config file"),
        ('keystone_databases = {old = ["hunter2"]}', "keystone_databases"),
    ],
)  # fmt: skip
def test_wrong_values_are_named_with_a_remedy(tmp_path: Path, text: str, field: str) -> None:
    write(tmp_path, text)
    with pytest.raises(InvalidInputError) as caught:
        config.load()
    assert caught.value.field.startswith(field)
    assert caught.value.hint
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUMPHOUSE_CONFIG", "/nope.toml")
    with pytest.raises(InvalidInputError, match="no such file"):
        config.load()


def test_secrets_are_not_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUMPHOUSE_TOKEN", "hunter2")
    monkeypatch.setenv("PUMPHOUSE_DATABASE_URL", "postgresql://me:hunter2@db/x")
    assert "hunter2" not in repr(config.load())


def test_databases_of_keystones_are_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUMPHOUSE_KEYSTONE_DATABASES", '{"old": "mysql://me:hunter2@db/keystone"}')
    read = config.load()
    assert read.keystone_databases["old"].get_secret_value() == "mysql://me:hunter2@db/keystone"
    assert "hunter2" not in repr(read) + str(read.keystone_databases)
    monkeypatch.setenv("PUMPHOUSE_KEYSTONE_DATABASES", "mysql://me:hunter2@db/keystone")
    with pytest.raises(InvalidInputError, match="keystone_databases") as caught:
        config.load()
    assert "hunter2" not in str(caught.value)
