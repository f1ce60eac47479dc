"""Entries of clouds.yaml: what is read, and how each wrong part is named."""

from pathlib import Path

import pytest

from pumphouse.domain.errors import InvalidInputError
from pumphouse.drivers.openstack.access import CloudSettings, load_entry

GOOD = """
clouds:
  old:
    auth: {auth_url: "https://old.example.org:5000/v3", username: admin, password: sesame, project_name: admin, user_domain_name: Default}
    region_name: RegionOne
    interface: internal
    verify: false
    api_timeout: 90
    compute_endpoint_override: https://nova.example.org/v2.1
  key:
    auth_type: v3applicationcredential
    auth: {auth_url: "https://old.example.org:5000/v3", application_credential_id: abc, application_credential_secret: sesame}
"""


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_an_entry_is_read_with_all_that_it_says(tmp_path: Path) -> None:
    found = load_entry("old", write(tmp_path / "clouds.yaml", GOOD))
    assert (found.region, found.interface, found.verify, found.read_s) == (
        "RegionOne",
        "internal",
        False,
        90.0,
    )
    assert found.auth["password"] == "sesame"
    assert found.endpoint_overrides == {"compute": "https://nova.example.org/v2.1"}
    assert load_entry("key", str(tmp_path / "clouds.yaml")).auth_type == "v3applicationcredential"


def test_secrets_never_show(tmp_path: Path) -> None:
    found = load_entry("old", write(tmp_path / "clouds.yaml", GOOD))
    assert "sesame" not in repr(found)
    assert "sesame" not in str(found)


def test_settings_survive_sealing(tmp_path: Path) -> None:
    found = load_entry("old", write(tmp_path / "clouds.yaml", GOOD))
    assert CloudSettings.from_json(found.to_json()) == found


@pytest.mark.parametrize("text", ["", "no json sesame", "[]", '{"version": 1, "password": "sesame"}', "{}"])
def test_what_is_not_a_sealed_copy_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        CloudSettings.from_json(text)
    assert "sesame" not in str(caught.value)


def test_secure_yaml_beside_it_is_merged(tmp_path: Path) -> None:
    (tmp_path / "secure.yaml").write_text("clouds: {old: {auth: {password: from-secure}}}")
    found = load_entry("old", write(tmp_path / "clouds.yaml", GOOD.replace("password: sesame, ", "")))
    assert found.auth["password"] == "from-secure"


def test_an_unknown_entry_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load_entry("olld", write(tmp_path / "clouds.yaml", GOOD))
    assert caught.value.field == "cloud"
    assert caught.value.value == "olld"
    assert "key, old" in caught.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no such file"):
        load_entry("old", str(tmp_path / "nowhere.yaml"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("https://old.example.org:5000/v3", ""), "auth.auth_url"),
        (("https://old.example.org:5000/v3", "old.example.org"), "auth.auth_url"),
        (("username: admin, ", ""), "auth.username"),
        (("password: sesame, ", ""), "auth.password"),
        (("project_name: admin, ", ""), "auth.project_name"),
        (("internal", "privat"), "interface"),
        (("verify: false", "verify: maybe"), "verify"),
        (("verify: false", "cacert: /no/such/file.pem"), "cacert"),
        (("api_timeout: 90", "api_timeout: soon"), "api_timeout"),
    ],
)
def test_each_wrong_part_is_named_with_a_remedy(tmp_path: Path, change: tuple[str, str], field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load_entry("old", write(tmp_path / "clouds.yaml", GOOD.replace(*change)))
    assert caught.value.field == f"clouds.yaml entry old: {field}"
    assert caught.value.hint
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["clouds: [", "clouds: {old: {auth: {password: sesame", "- a list", "clouds: text", "clouds: {old: 5}"],
)
def test_what_is_no_clouds_yaml_is_named_without_its_content(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load_entry("old", write(tmp_path / "clouds.yaml", text))
    assert "sesame" not in str(caught.value)


def test_variables_of_our_own_shell_do_not_leak_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PASSWORD", "from-shell")
    monkeypatch.setenv("OS_REGION_NAME", "Elsewhere")
    found = load_entry("old", write(tmp_path / "clouds.yaml", GOOD))
    assert (found.auth["password"], found.region) == ("sesame", "RegionOne")
