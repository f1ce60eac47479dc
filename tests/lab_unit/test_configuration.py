"""The services' configuration: right addresses, no secrets readable by others, the services' own policy defaults."""

import configparser
from pathlib import Path

import pytest

from pumphouse.lab.configuration import DATABASES, MAIN_FILE, SERVICES, Configuration
from pumphouse.lab.errors import LabConfigurationError, LabError
from pumphouse.lab.layout import Layout
from pumphouse.lab.passwords import CloudPasswords, keep_passwords, load_passwords
from pumphouse.lab.release import load_release

PASSWORDS = CloudPasswords("admin-secret", "service-secret", "rabbit-secret")


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    layout = Layout(tmp_path / "lab", 22000)
    return Configuration(layout, PASSWORDS, load_release("2023.1"), tmp_path / "venv", "old", 0)


def parse(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(text)
    return parser


@pytest.mark.parametrize("service", SERVICES)
def test_each_file_is_complete_and_leaves_policy_to_the_service(
    configuration: Configuration, service: str
) -> None:
    text = configuration.render(service)
    parsed = parse(text)
    assert "${" not in text
    assert "enforce_scope" not in text
    assert "enforce_new_defaults" not in text
    assert parsed["oslo_policy"]["policy_dirs"].endswith(f"etc/{service}/policy.d")
    assert "0.0.0.0" not in text


def test_services_meet_on_this_labs_ports(configuration: Configuration) -> None:
    nova = parse(configuration.render("nova"))
    assert nova["placement"]["auth_url"] == "http://127.0.0.1:22135/v3"
    assert nova["DEFAULT"]["transport_url"] == "rabbit://old:rabbit-secret@127.0.0.1:22072/old"
    assert parse(configuration.render("neutron"))["ovn"]["ovn_sb_connection"] == "tcp:127.0.0.1:22142"


def test_a_node_has_its_own_home_and_no_database(configuration: Configuration) -> None:
    node = parse(configuration.write_node("node-7").read_text())
    assert node["DEFAULT"]["host"] == "node-7"
    assert node["DEFAULT"]["state_path"].endswith("/old/nodes/node-7")
    assert node["oslo_concurrency"]["lock_path"].startswith(node["DEFAULT"]["state_path"])
    assert "database" not in node
    assert "api_database" not in node


def test_written_files_keep_their_secrets_and_writing_again_changes_nothing(
    configuration: Configuration,
) -> None:
    configuration.write()
    before = {service: configuration.file(service).read_text() for service in SERVICES}
    keys = configuration.file("keystone").parents[2] / "keystone" / "fernet" / "0"
    first_key = keys.read_text()
    configuration.write()
    assert {service: configuration.file(service).read_text() for service in SERVICES} == before
    assert keys.read_text() == first_key
    for service in SERVICES:
        assert configuration.file(service).name == MAIN_FILE[service]
        assert configuration.file(service).stat().st_mode & 0o077 == 0


def test_each_cloud_has_passwords_of_its_own_made_once_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "passwords.json"
    keep_passwords(file, ["old", "new"])
    made = load_passwords(file)
    keep_passwords(file, ["old", "new", "next"])
    later = load_passwords(file)
    assert (later.of("old"), later.of("new")) == (made.of("old"), made.of("new"))
    secrets = [secret for own in later.clouds.values() for secret in (own.admin, own.service, own.rabbitmq)]
    assert len({*secrets, later.erlang_cookie}) == 10, "two clouds share a secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert not [s for s in secrets if s in f"{later!r} {later.of('old')!r}"]
    # one that is gone and made anew
    keep_passwords(file, ["old", "new"])
    with pytest.raises(LabError, match="no passwords for next"):
        load_passwords(file).of("next")
    keep_passwords(file, ["old", "new", "next"])
    assert load_passwords(file).of("next") != later.of("next")


def test_passwords_of_an_earlier_version_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "passwords.json"
    file.write_text('{"admin": "a", "service": "b", "rabbitmq": "c", "erlang_cookie": "d"}')
    with pytest.raises(LabConfigurationError, match="earlier version") as caught:
        load_passwords(file)
    assert "down --wipe" in caught.value.hint


def test_the_database_of_a_cloud_with_a_hyphen_can_be_migrated(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "lab", 22000)
    configuration = Configuration(
        layout, PASSWORDS, load_release("2026.2"), tmp_path / "venv", "next-2026", 2
    )
    assert {configuration.database(name) for name in DATABASES} == {f"next_2026_{name}" for name in DATABASES}
