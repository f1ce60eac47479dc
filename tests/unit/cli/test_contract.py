"""The contract of docs/command-line.md: addresses, JSON shapes, exit codes, questions."""

import json
from typing import Any

import pytest
import yaml

from pumphouse.cli.session import Session
from pumphouse.domain.errors import CloudFaultError
from tests.fakes.bench import Bench
from tests.unit.cli.typing_person import Person


@pytest.fixture
def person(bench: Bench) -> Person:
    return Person(bench)


@pytest.fixture
def somebody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "interactive", property(lambda self: True))


def named(thing: dict[str, Any]) -> None:
    assert {"id", "name", "status"} <= set(thing), thing


def test_every_list_and_show_has_the_same_keys(person: Person, bench: Bench) -> None:
    person.json("node", "evacuate", "old/node-1", "--yes")
    bench.stores.put_health_run({"id": "h1", "environment": "old", "set": "sanity", "status": "passed"})
    lists = [
        ("env", "list"), ("env", "check", "old"), ("node", "list"), ("operation", "list"), ("notification", "list"),
        ("health", "show", "old", "--history"),
    ]  # fmt: skip
    for words in lists:
        found = person.json(*words)
        assert found, words
        for thing in found:
            named(thing)
            if words[0] != "env" or words[1] == "check":
                assert thing["environment"] == "old", words
    operation = person.json("operation", "list")[0]["id"]
    for words in (
        ("env", "show", "old"),
        ("node", "show", "old/node-1"),
        ("operation", "show", operation),
        ("health", "show", "old"),
    ):
        named(person.json(*words))
    with_items = person.json("operation", "show", operation[:8], "--items")
    named(with_items)
    assert [i["name"] for i in with_items["items"]] == ["a", "b", "c"]
    for item in with_items["items"]:
        named(item)


def test_a_finished_operation_is_one_object(person: Person) -> None:
    done = person.json("node", "evacuate", "old/node-1", "--yes")
    named(done)
    assert (done["status"], done["environment"]) == ("done", "old")
    assert [s["status"] for s in done["steps"]] == ["done", "done"]


def test_progress_goes_to_stderr(person: Person) -> None:
    result = person("node", "evacuate", "old/node-1", "--yes", "-o", "yaml")
    assert yaml.safe_load(result.stdout)["status"] == "done"
    assert "the node is prepared" in result.stderr


def test_tables_say_the_same(person: Person) -> None:
    shown = person("node", "list").stdout
    assert "old/node-1" in shown
    assert "node-2" in shown
    assert "3 ACTIVE" in person("node", "show", "old/node-1").stdout
    assert "old" in person("env", "list").stdout


def test_a_dry_run_prints_the_plan(person: Person, bench: Bench) -> None:
    plan = person.json("node", "evacuate", "old/node-1", "--dry-run")
    named(plan)
    assert [i["name"] for i in plan["items"]] == ["a", "b", "c"]
    assert not bench.controls.moved
    table = person("node", "evacuate", "old/node-1", "--dry-run").stdout
    assert "local disks are copied" in table
    assert "Move the servers" in table


def test_blocked_is_3(person: Person) -> None:
    for words in (("--dry-run",), ("--yes",), ()):
        result = person("node", "evacuate", "old/node-1", "--reason", "block", *words)
        assert result.exit_code == 3, result.output
        assert "it fits nowhere" in result.output
        assert "make room" in result.output


def test_failed_is_1_and_names_what_failed(person: Person, bench: Bench) -> None:
    bench.controls.failing.add("b")
    result = person("node", "evacuate", "old/node-1", "--yes")
    assert result.exit_code == 1
    assert "b cannot be moved" in result.stdout


def test_finished_with_errors_is_4(person: Person, bench: Bench) -> None:
    bench.controls.failing.add("b")
    done = person.json("node", "evacuate", "old/node-1", "--on-failure", "skip", "--yes", code=4)
    assert done["status"] == "done_with_errors"


def test_an_environment_that_does_not_answer_is_a_row_and_4(person: Person, bench: Bench) -> None:
    bench.clouds["new"].fail("nodes", CloudFaultError("new does not answer"))
    rows = person.json("node", "list", code=4)
    assert [(r["environment"], r["status"]) for r in rows] == [
        ("old", "up"),
        ("old", "up"),
        ("new", "unreachable"),
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("node", "show", "old/nope"),
        ("node", "show", "nope/node-1"),
        ("node", "show", "node-1"),
        ("node", "evacuate", "old/node-1/x", "--yes"),
        ("node", "list", "--env", "nope"),
        ("env", "show", "nope"),
        ("env", "add", "x", "--cloud", "nowhere"),
        ("env", "add", "x", "--cloud", "old", "--deployer", "magic"),
        ("env", "set", "old", "--deployer", "command", "--option", "install=wrong"),
        ("env", "add", "x", "--cloud", "old", "--option", "novalue"),
        ("env", "set", "old"),
        ("operation", "show", "00000000"),
        ("operation", "list", "--status", "odd"),
        ("node", "evacuate", "old/node-1", "--parallel", "0", "--yes"),
        ("node", "maintenance", "on", "old/node-1"),
        ("node", "nothing"),
        ("nothing",),
    ],
)
def test_wrong_usage_is_2_without_a_traceback(person: Person, words: tuple[str, ...]) -> None:
    result = person(*words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.stderr.strip()
    assert not result.stdout.strip()


def test_errors_have_a_code_and_a_hint(person: Person) -> None:
    lines = person("node", "show", "old/nope").stderr.splitlines()
    assert lines == ["Error [not-found]: there is no node 'old/nope'", "Hint: nodes of old: node-1, node-2"]


def test_a_defect_is_one_line_unless_debugged(person: Person, bench: Bench) -> None:
    def broken(context: Any) -> None:
        raise RuntimeError("password=hunter2")

    person.wiring.connect = broken  # type: ignore[method-assign]
    result = person("env", "list")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "hunter2" not in result.output
    assert "Traceback" in person("--debug", "env", "list").stderr


def test_without_a_terminal_and_yes_nothing_happens(person: Person, bench: Bench) -> None:
    for words in (
        ("node", "evacuate", "old/node-1"),
        ("node", "move", "old/node-1", "--to", "new"),
        ("node", "delete", "old/node-1", "--evacuate"),
        ("node", "maintenance", "on", "old/node-1", "--reason", "x"),
        ("env", "remove", "old"),
    ):
        result = person(*words)
        assert result.exit_code == 2, result.output
        assert "--yes" in result.stderr
    assert not bench.stores.operations()
    assert len(bench.stores.environments()) == 2


@pytest.mark.usefixtures("somebody_there")
def test_somebody_is_asked_with_the_plan(person: Person, bench: Bench) -> None:
    refused = person("node", "evacuate", "old/node-1", answers="n\n")
    assert refused.exit_code == 1
    assert "all will be well" in refused.stderr
    assert "Nothing was changed" in refused.stderr
    assert not bench.controls.moved
    agreed = person("node", "evacuate", "old/node-1", answers="y\n")
    assert agreed.exit_code == 0
    assert bench.controls.moved == ["a", "b", "c"]


def test_every_verb_reaches_its_workflow(person: Person) -> None:
    verbs = {
        ("node", "maintenance", "on", "old/node-2", "--reason", "new memory", "--yes"): "maintain_node",
        ("node", "maintenance", "off", "old/node-2", "--yes"): "maintain_node",
        ("node", "move", "old/node-2", "--to", "new", "--yes"): "reassign_node",
        ("node", "delete", "old/node-2", "--evacuate", "--yes"): "delete_node",
    }
    for words, kind in verbs.items():
        done = person.json(*words)
        assert (done["kind"], done["status"]) == (kind, "done")
    by_kind = {o["kind"]: o["params"] for o in person.json("operation", "list")}
    assert by_kind["reassign_node"]["destination"] == "new"
    assert by_kind["delete_node"]["evacuate"] is True
    assert "stopped" not in by_kind["delete_node"]


def test_operations_are_steered(person: Person, bench: Bench) -> None:
    bench.controls.failing.add("b")
    failed = person.json("node", "evacuate", "old/node-1", "--yes", code=1)
    short = failed["id"][:8]
    bench.controls.failing.clear()
    assert person.json("operation", "retry", short)["status"] == "done"
    assert person.json("operation", "undo", short, "--yes")["status"] == "undone"
    assert person.json("operation", "watch", short, code=1)["status"] == "undone"
    refused = person("operation", "resume", short)
    assert refused.exit_code == 1
    assert "[conflict]" in refused.stderr


def test_a_failed_undo_is_1_and_its_retry_0(person: Person, bench: Bench) -> None:
    bench.controls.undo_fails = True
    done = person.json("node", "maintenance", "on", "old/node-2", "--reason", "x", "--yes")
    assert person.json("operation", "undo", done["id"], "--yes", code=1)["status"] == "undo_failed"
    bench.controls.undo_fails = False
    assert person.json("operation", "retry", done["id"])["status"] == "undone"


def test_failed_items_can_be_left_behind(person: Person, bench: Bench) -> None:
    bench.controls.failing.add("b")
    failed = person.json("node", "evacuate", "old/node-1", "--yes", code=1)
    assert person.json("operation", "skip", failed["id"], "--yes", code=4)["status"] == "done_with_errors"


def test_an_interrupted_operation_is_told_of_and_resumed_here(person: Person, bench: Bench) -> None:
    plan = bench.engine.plan("evacuate_node", {"environment": "old", "node": "node-1"})
    left = bench.engine.submit("evacuate_node", {"environment": "old", "node": "node-1"}, plan)
    listed = person("operation", "list", "-o", "json")
    assert f"pumphouse operation resume {left.id[:8]}" in listed.stderr
    assert json.loads(listed.stdout)[0]["interrupted"] is True
    assert not bench.controls.moved, "a mere list must not run what others have left"
    assert person.json("operation", "resume", left.id[:8])["status"] == "done"
    assert "interrupted" not in person("operation", "list").stderr


def test_environments_are_changed_and_removed(person: Person) -> None:
    changed = person.json(
        "env", "set", "old", "--deployer", "command", "--option", "install=/bin/true", "--option", "n=3"
    )
    assert changed["deployer"] == "command"
    assert changed["deployer_options"] == {"install": "/bin/true", "n": 3}
    assert person.json("env", "set", "old", "--option", "n=null")["deployer_options"] == {
        "install": "/bin/true"
    }
    assert person.json("env", "remove", "old", "--yes")["status"] == "removed"
    assert [e["name"] for e in person.json("env", "list")] == ["new"]
    assert person.json("env", "show", "new", "--refresh")["facts"] == {"release": "fake"}


def test_yes_is_accepted_by_everything_that_steers(person: Person, bench: Bench) -> None:
    bench.controls.failing.add("b")
    failed = person.json("node", "evacuate", "old/node-1", "--yes", code=1)["id"]
    for verb, code in (("pause", 1), ("resume", 1), ("retry", 1), ("skip", 4), ("undo", 0), ("cancel", 1)):
        result = person("operation", verb, failed, "--yes")
        assert result.exit_code == code, (verb, result.output)


@pytest.mark.usefixtures("somebody_there")
def test_an_undo_is_asked_for_with_what_goes_back(person: Person, bench: Bench) -> None:
    bench.controls.failing.add("b")
    failed = person.json("node", "evacuate", "old/node-1", "--yes", code=1)["id"]
    refused = person("operation", "undo", failed, answers="n\n")
    assert refused.exit_code == 1
    asked = refused.stderr
    assert asked.index("1. Move the servers (2 of 3 done, 1 failed)") < asked.index("2. Prepare the node")
    assert "3 servers would be brought back" in asked
    assert "no return" not in asked
    assert bench.stores.operation(failed).status == "failed"
    assert person("operation", "undo", failed, answers="y\n").exit_code == 0
    again = person("operation", "undo", failed, answers="n\n").stderr
    assert "Nothing of it has to go back" in again


@pytest.mark.usefixtures("somebody_there")
def test_the_question_names_the_point_of_no_return(person: Person, bench: Bench) -> None:
    bench.controls.point_of_no_return = True
    done = person.json("node", "evacuate", "old/node-1", "--yes")["id"]
    asked = person("operation", "undo", done, answers="n\n").stderr
    assert "1. Move the servers" in asked
    assert "Prepare the node" not in asked
    assert "Point of no return: 'Burn the bridges' is done" in asked
    assert "nothing is worse than before" in person("operation", "show", done).stdout


def test_nobody_to_ask_names_how_to_look(person: Person) -> None:
    done = person.json("node", "evacuate", "old/node-1", "--yes")["id"]
    refused = person("operation", "undo", done)
    assert refused.exit_code == 2
    assert f"pumphouse operation show {done}, then give --yes" in refused.stderr


def test_without_a_health_run_there_is_nothing_to_show(person: Person) -> None:
    result = person("health", "show", "old", "-o", "json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "Error [not-found]: no health check of old was run",
        "Hint: run: pumphouse health run old",
    ]
    assert person.json("health", "show", "old", "--history") == []


def test_a_health_run_shows_its_checks(person: Person, bench: Bench) -> None:
    fallback = person.json("health", "run", "old")
    assert fallback["kind"] == "check_health"
    assert fallback["params"] == {"environment": "old", "set": "sanity"}
    checks = [{"name": "lists answer", "status": "passed", "seconds": 0.5}]
    bench.stores.put_health_run(
        {"id": "h1", "environment": "old", "set": "smoke", "status": "failed", "checks": checks}
    )
    assert "lists answer" in person("health", "show", "old").stdout


def test_serve_and_version(person: Person) -> None:
    assert person("serve", "--port", "9000").exit_code == 0
    assert person.wiring.served == [(None, 9000)]
    assert person("--version").stdout.startswith("pumphouse ")
    assert "Exit codes" in person("--help").stdout
