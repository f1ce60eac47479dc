"""`env duplicate` and `env delete` as an operator types them, with the answers file between."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.bench import Bench
from tests.fakes.sites import OLD
from tests.unit.cli.typing_person import Person

TO_NEW = ("env", "duplicate", "old", "--name", "twin", "--release", "2026.2")


@pytest.fixture
def person(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    return Person(bench)


def rows(path: Path) -> dict[str, Any]:
    return {row["key"]: row for row in yaml.safe_load(path.read_text())["settings"]}


def change(path: Path, **changes: Any) -> None:
    document = yaml.safe_load(path.read_text())
    for row in document["settings"]:
        name = row["key"].replace(".", "__")
        if name in changes:
            row["value"] = changes[name]
    path.write_text(yaml.safe_dump(document))


def test_a_dry_run_shows_three_lists_and_writes_nothing(person: Person, tmp_path: Path) -> None:
    said = person(*TO_NEW, "--dry-run")
    assert said.exit_code == 0, said.stderr
    for head in ("Copied (", "Defaulted or translated by the new release (", "You must decide ("):
        assert head in said.stdout
    assert not list(tmp_path.glob("*.yaml"))


def test_without_deploy_only_the_answers_file_is_written(
    person: Person, bench: Bench, tmp_path: Path
) -> None:
    said = person(*TO_NEW)
    assert said.exit_code == 0, said.stderr
    written = rows(tmp_path / "twin.answers.yaml")
    assert written["network.mtu"]["value"] == OLD["network.mtu"]
    assert {row["fate"] for row in written.values()} == {"copied", "translated", "you must decide"}
    assert bench.sites.standing() == {}
    assert person(*TO_NEW).exit_code != 0, "somebody's work is not overwritten"
    assert person(*TO_NEW, "--yes").exit_code == 0


def test_the_file_is_changed_and_applied(person: Person, bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    person(*TO_NEW, "--save", str(file))
    change(file, network__mtu=1400)
    said = person("env", "duplicate", "old", "--answers", str(file), "--deploy", "--yes")
    assert said.exit_code == 0, said.stderr
    assert "Comparison with the original" in said.stdout
    assert bench.sites.sites["twin"].values["network.mtu"] == 1400
    assert "twin" in person("env", "list").stdout
    again = person("env", "duplicate", "old", "--answers", str(file), "--deploy", "--yes")
    assert again.exit_code == 0, again.stderr
    gone = person("env", "delete", "twin", "--yes")
    assert gone.exit_code == 0, gone.stderr
    assert bench.sites.standing() == {}
    assert "twin" not in person("env", "list").stdout


def test_set_decides(person: Person, bench: Bench) -> None:
    said = person(*TO_NEW, "--set", "network.mtu=1400", "--set", 'network.tenant_types=["geneve"]', "--deploy", "--yes")  # fmt: skip
    assert said.exit_code == 0, said.stderr
    assert bench.sites.sites["twin"].values["network.tenant_types"] == ["geneve"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "network.mtuu=1"), "did you mean network.mtu"),
        (("--set", "network.mtu"), "--set network.mtu=9000"),
        (("--set", "network.mtu=12"), "68 to 65535"),
        (("--contents", "flowers"), "flavors"),
    ],
)
def test_wrong_words_are_named(person: Person, words: tuple[str, ...], said: str) -> None:
    answer = person(*TO_NEW, *words, "--dry-run")
    assert answer.exit_code != 0
    assert said in answer.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "no YAML"),
        ("- 1", "must be a mapping"),
        ("version: 1\noriginal: old\nname: twin\nrelease: 2026.2\nsettings: []", "needs quotes"),
        ("version: 9\noriginal: old\nname: twin\nrelease: '2026.2'\nsettings: []", "must be 1"),
        ("version: 1\noriginal: old\nname: twin\nrelease: '2026.2'\nsettings: [{key: a}]", "settings[1]"),
        ("version: 1\noriginal: old\nname: twin\nrelease: '2026.2'\nsettings: []\nx: 1", "no such field"),
        ("version: 1\noriginal: new\nname: twin\nrelease: '2026.2'\nsettings: []", "is for new"),
    ],
)
def test_a_wrong_file_is_named_with_its_remedy(
    person: Person, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(content)
    answer = person("env", "duplicate", "old", "--answers", str(file), "--dry-run")
    assert answer.exit_code != 0
    assert said in answer.stderr.replace("\n", " ")


def test_an_original_is_not_deleted(person: Person) -> None:
    said = person("env", "delete", "old", "--yes")
    assert said.exit_code == 3
    assert "not built as a duplicate" in said.stderr.replace("\n", " ")
