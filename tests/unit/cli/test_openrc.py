"""openrc files are read and never executed; `env add` takes them, or the shell's variables, and shows no secret."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from pumphouse.cli.openrc import of_shell, placed, read_openrc
from pumphouse.client.transport import InProcessTransport
from pumphouse.domain.errors import InvalidInputError
from tests.fakes.bench import Bench
from tests.unit.cli.typing_person import Person

GOOD = """#!/usr/bin/env bash
export OS_AUTH_URL=http://cloud.example.org/old
export OS_USERNAME="admin"
export OS_PASSWORD='se same$7`#'   # the secret
export OS_PROJECT_NAME=admin OS_USER_DOMAIN_NAME=Default
export OS_PROJECT_DOMAIN_NAME="Default";
"""


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "openrc"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("export OS_USERNAME=a", "a"),
        ("OS_USERNAME=a", "a"),
        ("  export   OS_USERNAME='a b'", "a b"),
        ('export OS_USERNAME="a b" # why', "a b"),
        ("export OS_USERNAME=a\\ b", "a b"),
        ("export OS_USERNAME=a\r\nexport OS_X=1\r", "a"),
        ("\ufeffexport OS_USERNAME=a", "a"),
        ("export OS_USERNAME=a;", "a"),
        ("export OS_USERNAME=b\nexport OS_USERNAME=a", "a"),
        ("export OS_USERNAME='$(rm -rf /)'", "$(rm -rf /)"),
        ("declare -x OS_USERNAME=a", "a"),
        ("export OS_USERNAME=a=b", "a=b"),
    ],
)
def test_how_values_are_written(tmp_path: Path, text: str, found: str) -> None:
    assert read_openrc(file(tmp_path, text)).variables["OS_USERNAME"] == found


@pytest.mark.parametrize(
    "value", ["$OS_PASSWORD_INPUT", '"$(cat secret)"', "`cat secret`", '"${OTHER}"', "$(touch /tmp/x)"]
)
def test_what_a_shell_would_work_out_is_not(tmp_path: Path, value: str) -> None:
    found = read_openrc(file(tmp_path, f"export OS_USERNAME=a\nexport OS_PASSWORD={value}\n"))
    assert found.computed == ("OS_PASSWORD",)
    assert found.variables == {"OS_USERNAME": "a"}


def test_other_lines_are_passed_over_and_nothing_is_executed(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    text = f'touch {mark}\nif [ -z "$OS_X" ]; then unset OS_X; fi\nread -sr OS_PASSWORD_INPUT\necho \'unclosed\nunset OS_TENANT_ID\nexport OS_A=$(touch {mark})\nexport OS_B=1\n'
    found = read_openrc(file(tmp_path, text))
    assert found.variables == {"OS_B": "1"}
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"export OS_PASSWORD='sesame\n", "line 1"),
        (b"# nothing here\nexport PATH=/bin\n", "OS_"),
        (b"", "OS_"),
        (b"export OS_PASSWORD=\xff\xfe\n", "UTF-8"),
        (b"export OS_A=" + b"x" * 300_000, "too large"),
        (None, "No such file"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, named: str) -> None:
    path = tmp_path / "openrc"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        read_openrc(path)
    assert named in str(caught.value)
    assert "sesame" not in f"{caught.value}{caught.value.hint}"


def test_a_shell_without_variables_or_with_an_entry() -> None:
    for empty in ({}, {"OS_CLIENT_CONFIG_FILE": "/x"}, {"PATH": "/bin"}):
        with pytest.raises(InvalidInputError, match="no OS_ variable"):
            of_shell(empty)
    with pytest.raises(InvalidInputError, match="OS_CLOUD") as caught:
        of_shell({"OS_CLOUD": "old"})
    assert "--cloud old" in caught.value.hint


def test_certificates_are_found_from_anywhere(tmp_path: Path) -> None:
    assert placed({"OS_CACERT": "ca.pem", "OS_USERNAME": "ca.pem"}, tmp_path) == {
        "OS_CACERT": str(tmp_path / "ca.pem"),
        "OS_USERNAME": "ca.pem",
    }


def test_env_add_from_a_file_and_from_the_shell(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(bench)
    added = person.json("env", "add", "third", "--openrc", str(file(tmp_path, GOOD)))
    assert (added["stored"], added["config_file"]) == (True, None)
    assert "same$7" not in str(added)
    for name, value in read_openrc(tmp_path / "openrc").variables.items():
        monkeypatch.setenv(name, value)
    assert person.json("env", "add", "fourth", "--from-env")["stored"] is True


def test_a_password_that_the_file_asks_for_is_asked_for(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = file(tmp_path, GOOD.replace("'se same$7`#'", "$OS_PASSWORD_INPUT"))
    person = Person(bench)
    alone = person("env", "add", "third", "--openrc", str(asking))
    assert alone.exit_code == 2
    assert "--from-env" in alone.stderr
    from pumphouse.cli.session import Session

    monkeypatch.setattr(Session, "interactive", property(lambda self: True))
    asked = person("env", "add", "third", "--openrc", str(asking), "-o", "json", answers="sesame-9\n")
    assert asked.exit_code == 0, asked.output
    assert "sesame-9" not in asked.output


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--cloud", "old", "--from-env"),
        ("--openrc", "/x", "--from-env"),
        ("--from-env", "--config", "/x"),
    ],
)
def test_exactly_one_source(bench: Bench, words: tuple[str, ...]) -> None:
    assert Person(bench)("env", "add", "third", *words).exit_code == 2


@pytest.mark.parametrize(
    "body",
    [
        {"name": "third"},
        {"name": "third", "cloud": "old", "variables": {"OS_PASSWORD": "sesame-9"}},
        {"name": "third", "variables": {"OS_PASSWORD": "sesame-9"}},
        {"name": "third", "variables": {"OS_PASSWORD": ["sesame-9"]}},
        {"name": "third", "variables": "sesame-9"},
    ],
)
def test_the_api_names_what_is_wrong_and_repeats_no_secret(bench: Bench, body: dict[str, Any]) -> None:
    with httpx.Client(transport=InProcessTransport(bench.app()), base_url="http://bench") as client:
        answer = client.post("/v1/environments", json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid-input"
    assert "sesame" not in answer.text
