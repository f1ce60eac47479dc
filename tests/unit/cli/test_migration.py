"""`tenant migrate`, `verify`, `rollback`, `commit` and `report` as an operator types them: exit codes, the plan file between."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pumphouse.domain.resource import MoveState
from tests.fakes.bench import Bench
from tests.fakes.fencing import ACME
from tests.unit.cli.typing_person import Person, person_with_map

MOVE = ("tenant", "migrate", "old/acme", "--to", "new")


@pytest.fixture
def person(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return person_with_map(bench, tmp_path, monkeypatch)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_dry_run_shows_every_resource_and_what_is_open(person: Person, bench: Bench) -> None:
    said = person(*MOVE, "--dry-run")
    assert said.exit_code == 3
    for word in ("m1.small", "reuse", "512.0 MiB", "1.5 GiB go over the wire", "Open: external network public; to choose from: ext-a, ext-b", "load balancers"):  # fmt: skip
        assert word in said.stdout, said.stdout
    assert person(*MOVE, "--map", "map.yaml", "--dry-run").exit_code == 0
    assert not bench.stores.migrations()


def test_the_options_reach_the_workflow(person: Person, bench: Bench) -> None:
    words = ("--include", "image,server", "--include", "web", "--exclude", "volume", "--parallel", "3", "--new-addresses", "--stateless", "--no-fence", "--on-failure", "skip", "--onboarding", "pw")  # fmt: skip
    person(*MOVE, "--map", "map.yaml", *words, "--dry-run")
    asked = dict(bench.migrating.asked[-1])
    assert asked == {
        "environment": "old", "tenant": ACME, "name": "acme", "destination": "new",
        "include": ["image", "server", "web"], "exclude": ["volume"], "parallel": 3, "keep_addresses": False,
        "stateless": True, "fence": False, "onboarding": str(Path("pw").absolute()), "on_failure": "skip", "names": {"external_network": {"public": "ext-a"}, "network_type": {"vxlan": "geneve"}, "network_mtu": {"1450": "1442"}},
    }  # fmt: skip
    person(*MOVE, "--dry-run")
    assert set(bench.migrating.asked[-1]) == {"environment", "tenant", "name", "destination"}, (
        "defaults are the workflow's"
    )


def test_the_whole_way(person: Person, bench: Bench, tmp_path: Path) -> None:
    said = person(*MOVE, "--map", "map.yaml", "--yes")
    assert said.exit_code == 0, said.output
    found = person.json("tenant", "report", "old/acme")
    assert {"id", "name", "status", "environment"} <= set(found)
    assert (found["status"], found["destination"], found["longest_downtime_s"]) == ("verified", "new", 62.5)
    assert found["not_moved"] == []
    assert [o["kind"] for o in found["for_owners"]] == ["credential"]
    table = person("tenant", "report", "old/acme", "--to", "new").stdout
    for word in ("1 min 02 s", "203.0.113.7", "sha512:abc", "the operator's map says az2", "its owner makes a new one"):  # fmt: skip
        assert word in table
    assert person("tenant", "verify", "old/acme", "--yes").exit_code == 0
    assert person("env", "remove", "new", "--yes").exit_code == 1, "half way"
    html = person("tenant", "report", "old/acme", "--html", "r.html")
    assert html.exit_code == 0, html.output
    assert "web &lt;1&gt;" in (tmp_path / "r.html").read_text()
    assert person("tenant", "commit", "old/acme", "--to", "new", "--yes").exit_code == 0
    [listed] = person.json("tenant", "report")
    assert (listed["status"], listed["name"]) == ("committed", "acme")


def test_rollback_leaves_nothing_on_record(person: Person, bench: Bench) -> None:
    person(*MOVE, "--map", "map.yaml", "--yes")
    assert person("tenant", "rollback", "old/acme", "--to", "new", "--yes").exit_code == 0
    assert not bench.stores.migrations()
    assert person("tenant", "verify", "old/acme", "--yes").exit_code == 2


def test_commit_is_asked_for_and_needs_somebody(person: Person, bench: Bench) -> None:
    person(*MOVE, "--map", "map.yaml", "--yes")
    said = person("tenant", "commit", "old/acme")
    assert said.exit_code == 2
    assert "confirmation-needed" in said.stderr
    plan = person("tenant", "commit", "old/acme", "--dry-run")
    assert "point of no return" in plan.stdout
    states = {m.state for m in bench.stores.moves("old", ACME, "new")}
    assert states == {MoveState.VERIFIED}


def test_what_failed_is_in_the_report_and_4(person: Person, bench: Bench) -> None:
    bench.migrating.failing.add("cirros")
    said = person(*MOVE, "--map", "map.yaml", "--on-failure", "skip", "--yes")
    assert said.exit_code == 4, said.output
    found = person.json("tenant", "report", "old/acme")
    assert found["status"] == "errors"
    assert found["not_moved"][0]["why"].startswith("cirros cannot be made")


def saved(person: Person, *words: str) -> dict[str, Any]:
    said = person(*MOVE, *words, "--save", "p.yaml")
    assert said.exit_code in {0, 3}, said.output
    found: dict[str, Any] = yaml.safe_load(Path("p.yaml").read_text())
    return found


def edited(document: dict[str, Any]) -> None:
    Path("p.yaml").write_text(yaml.safe_dump(document))


def test_the_plan_is_written_edited_and_applied(person: Person, bench: Bench) -> None:
    document = saved(person, "--parallel", "2")
    assert next(r for r in document["resources"] if r["kind"] == "external_network")["action"] == "open"
    assert not bench.stores.migrations()
    assert document["names"] == {"external_network": {"public": None}}
    assert document["offered"] == {"external_network": ["ext-a", "ext-b"]}
    document["names"]["external_network"]["public"] = "ext-b"
    next(r for r in document["resources"] if r["kind"] == "image")["action"] = "leave"
    edited(document)
    said = person("tenant", "migrate", "--plan", "p.yaml", "--yes")
    assert said.exit_code == 0, said.output
    asked = bench.migrating.asked[-1]
    assert asked["exclude"] == ["image/i1"]
    assert asked["names"] == {"external_network": {"public": "ext-b"}}
    assert (asked["digest"], asked["parallel"]) == ("sha256:11", 2)
    assert "i1" not in {m.source_id for m in bench.stores.moves("old", ACME, "new")}


def test_what_the_map_says_is_in_the_file(person: Person) -> None:
    document = saved(person, "--map", "map.yaml")
    assert document["names"] == {
        "external_network": {"public": "ext-a"}, "network_type": {"vxlan": "geneve"}, "network_mtu": {"1450": "1442"},
    }  # fmt: skip


def test_a_changed_source_is_refused(person: Person, bench: Bench) -> None:
    saved(person, "--map", "map.yaml")
    bench.migrating.digest = "sha256:22"
    said = person("tenant", "migrate", "--plan", "p.yaml", "--yes")
    assert said.exit_code == 3
    assert "source-changed" in said.stderr


def test_what_would_be_done_otherwise_than_reviewed_is_refused(person: Person) -> None:
    document = saved(person, "--map", "map.yaml")
    next(r for r in document["resources"] if r["kind"] == "flavor").update(action="create", target="other")
    edited(document)
    said = person("tenant", "migrate", "--plan", "p.yaml", "--yes")
    assert said.exit_code == 1
    assert "flavor/f1 (m1.small): the file says create, now it is reuse" in flat(said.stderr)
    shown = person("tenant", "migrate", "--plan", "p.yaml", "--dry-run")
    assert shown.exit_code == 0
    assert "Not as in the plan file" in shown.stderr


def test_a_target_is_not_changed_in_its_row(person: Person) -> None:
    document = saved(person, "--map", "map.yaml")
    next(r for r in document["resources"] if r["kind"] == "external_network")["target"] = "ext-b"
    edited(document)
    said = person("tenant", "migrate", "--plan", "p.yaml", "--yes")
    assert said.exit_code == 1
    assert "`names` decides" in flat(said.stderr)


def test_every_wrong_field_is_named_at_once(person: Person) -> None:
    document = saved(person)
    document |= {"version": 7, "destination": 5, "colour": "red"}
    document["choices"] = {
        "parallel": 0,
        "stateless": "yes",
        "fnce": True,
        "on_failure": "cry",
        "include": "x",
    }
    document["names"] = {"netwerk": {}, "zone": {"a": 1}, "role": []}
    document["resources"][0] |= {"action": "delete", "kind": "flower", "id": 3, "size": 1}
    document["resources"].append("x")
    edited(document)
    said = person("tenant", "migrate", "--plan", "p.yaml", "--dry-run")
    assert said.exit_code == 2
    told = flat(said.stderr)
    for word in (
        "field 'colour'", "version 7: must be 1", "destination 5: must be a text", "choices.parallel 0: must be a whole number",
        "choices.stateless 'yes': must be true or false", "did you mean fence?", "choices.on_failure 'cry': must be pause",
        "choices.include 'x': must be a list", "did you mean network?", "names.zone {'a': 1}", "names.role []: must be a mapping",
        "kind 'flower'", "id 3: must be", "action 'delete': must stay", "'size': no such name", "resources[8] 'x': must be a mapping",
        "write the file anew with --save",
    ):  # fmt: skip
        assert word in told, (word, told)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "no YAML"),
        ("- 1", "must be a mapping"),
        ("external_network: {a: b}", "no such name"),
        ("names: {external_netwrk: {a: b}}", "did you mean external_network?"),
        ("names: {zone: {a: 2026.1}}", "quotes"),
        ("names: 4", "mapping of kinds"),
    ],
)
def test_a_wrong_map_is_named_with_its_remedy(person: Person, content: str, said: str) -> None:
    Path("map.yaml").write_text(content)
    answer = person(*MOVE, "--map", "map.yaml", "--dry-run")
    assert answer.exit_code == 2
    assert said in flat(answer.stderr)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tenant", "migrate", "old/acme"), "--to ENV2"),
        (("tenant", "migrate", "--to", "new"), "ENV/TENANT"),
        (("tenant", "migrate", "acme", "--to", "new"), "should be ENV/TENANT"),
        (("tenant", "migrate", "old/acme", "--to", "old", "--dry-run"), "is there already"),
        (("tenant", "migrate", "old/acme", "--to", "newer", "--dry-run"), "known: new, old"),
        (("tenant", "migrate", "old/nobody", "--to", "new", "--dry-run"), "tenants of old"),
        (("tenant", "migrate", "old/acme", "--to", "new", "--on-failure", "cry"), "--on-failure"),
        (("tenant", "migrate", "--plan", "p.yaml", "--to", "old"), "goes to new"),
        (("tenant", "migrate", "old/globex", "--plan", "p.yaml"), "is for old/acme"),
        (("tenant", "migrate", "--plan", "p.yaml", "--include", "image"), "the plan file decides that"),
        (("tenant", "migrate", "--plan", "none.yaml"), "cannot be read"),
        (("tenant", "report", "--html", "x.html"), "is for one tenant"),
        (("tenant", "report", "old/acme"), "pumphouse tenant migrate old/acme"),
    ],
)
def test_wrong_words_are_named(person: Person, words: tuple[str, ...], said: str) -> None:
    saved(person)
    answer = person(*words)
    assert answer.exit_code == 2, answer.output
    assert said in flat(answer.stderr.replace("│", " "))


def test_a_plan_file_is_not_overwritten(person: Person) -> None:
    saved(person)
    said = person(*MOVE, "--save", "p.yaml")
    assert said.exit_code == 1
    assert "--yes" in said.stderr
    assert person(*MOVE, "--map", "map.yaml", "--save", "p.yaml", "--yes").exit_code == 0
