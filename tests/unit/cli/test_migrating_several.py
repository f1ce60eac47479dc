"""`tenant migrate` with several tenants as an operator types it: planned and run side by side, Ctrl-C, plans in a directory, one exit code."""

import hashlib
import io
import json
import threading
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from pumphouse.cli import migrating
from pumphouse.cli.failures import Exit
from pumphouse.cli.many import Run, _Table, worst
from pumphouse.cli.migrating import Wish, _start
from pumphouse.cli.session import Session
from pumphouse.domain.errors import ConflictError
from pumphouse.domain.operation import OperationStatus, StepStatus
from pumphouse.wire.operation import OperationView, ProgressView, StepView
from tests.fakes.bench import Bench
from tests.unit.cli.typing_person import MAP, Person, person_with_map


@pytest.fixture
def person(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return person_with_map(bench, tmp_path, monkeypatch)


SHOP = "web-shop-eu-" + hashlib.sha256(b"web/shop:eu").hexdigest()[:6]
TWO = ("tenant", "migrate", "old/acme", "old/web/shop:eu", "--to", "new", "--map", "map.yaml")


def test_several_run_at_once_within_a_bound(person: Person, bench: Bench) -> None:
    bench.migrating.gate.clear()
    most = 0

    def look() -> None:
        nonlocal most
        busy = [o for o in bench.services.operations.list(limit=10) if o.status == "running"]
        most = max(most, len(busy))
        if most == 2 or len(busy) > 2:
            bench.migrating.gate.set()

    person.wiring.on_sleep = look
    said = person(*TWO, "old/globex", "--at-once", "2", "--yes")
    assert said.exit_code == 0, said.output
    assert most == 2
    assert len(bench.stores.migrations()) == 3
    for tenant in ("old/acme", "old/globex", "old/web/shop:eu"):
        assert tenant in said.stdout
    rows = person.json(*TWO, "--yes")
    assert [row["status"] for row in rows] == ["done", "done"]


def test_several_are_planned_side_by_side(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that waits for the other's plan would wait for ever here."""
    both = threading.Barrier(2)

    def start(session: Session, wish: Wish, key: str) -> OperationView:
        both.wait(10)
        return _start(session, wish, key)

    monkeypatch.setattr(migrating, "_start", start)
    rows = person.json(*TWO, "--yes")
    assert [row["status"] for row in rows] == ["done", "done"]


def test_ctrl_c_while_they_are_planned_pauses_what_has_begun(
    person: Person, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their ids are known: what was accepted meanwhile can be resumed."""
    bench.migrating.gate.clear()
    pressed = threading.Event()

    def start(session: Session, wish: Wish, key: str) -> OperationView:
        assert pressed.wait(10)
        return _start(session, wish, key)

    def press() -> None:
        if not pressed.is_set():
            pressed.set()
            raise KeyboardInterrupt
        bench.migrating.gate.set()

    monkeypatch.setattr(migrating, "_start", start)
    person.wiring.on_sleep = press
    said = person(*TWO, "--yes")
    assert said.exit_code == 130, said.output
    last = said.stderr.splitlines()[-2:]
    for line, tenant in zip(last, ("old/acme", "old/web/shop:eu"), strict=True):
        assert line == f"{tenant}: done" or line.startswith(
            f"{tenant}: go on with: pumphouse operation resume "
        )


def test_the_exit_code_of_several_is_the_worst(person: Person, bench: Bench) -> None:
    bench.migrating.failing.add("globex")
    words = ("tenant", "migrate", "old/acme", "old/globex", "--to", "new", "--map", "map.yaml", "--yes")
    said = person(*words, "--on-failure", "skip")
    assert said.exit_code == 4, said.output
    assert person(*words, "--at-once", "1").exit_code == 1
    assert len(bench.stores.migrations()) == 2, "one that fails keeps none of the others back"


def test_blocked_ones_are_refused_alone(person: Person, bench: Bench) -> None:
    said = person("tenant", "migrate", "old/acme", "old/globex", "--to", "new", "--yes")
    assert said.exit_code == 3
    assert not bench.stores.migrations()
    shown = person(*TWO, "--dry-run", "-o", "json")
    assert [p["status"] for p in json.loads(shown.stdout)] == ["ready", "ready"]
    assert person(*TWO).exit_code == 2, "nobody can be asked"


def test_each_of_several_has_its_own_file_of_passwords(person: Person, bench: Bench) -> None:
    assert person(*TWO, "--onboarding", "pw", "--dry-run").exit_code == 0
    here = Path("pw").absolute()
    files = {asked["onboarding"] for asked in bench.migrating.asked}
    assert files == {f"{here}/acme@old.passwords.jsonl", f"{here}/{SHOP}@old.passwords.jsonl"}
    said = Person(bench, in_process=False)(
        "tenant", "migrate", "old/acme", "--to", "new", "--onboarding", "pw", "--dry-run"
    )
    assert (said.exit_code, "the server writes it" in said.stderr) == (2, True)


def test_several_plans_are_written_into_a_directory_and_applied(person: Person, bench: Bench) -> None:
    said = person(*TWO, "--save", "plans")
    assert said.exit_code == 0, said.output
    names = sorted(p.name for p in Path("plans").iterdir())
    assert names == ["acme@old.plan.yaml", f"{SHOP}@old.plan.yaml"]
    files = [word for name in names for word in ("--plan", f"plans/{name}")]
    assert person("tenant", "migrate", *files, "--yes").exit_code == 0
    assert len(bench.stores.migrations()) == 2


def test_an_interrupt_pauses_all_of_them(person: Person, bench: Bench) -> None:
    bench.migrating.gate.clear()
    pressed = threading.Event()

    def press() -> None:
        if not pressed.is_set() and len(bench.services.operations.list(limit=10)) == 2:
            pressed.set()
            bench.migrating.gate.set()
            raise KeyboardInterrupt

    person.wiring.on_sleep = press
    said = person(*TWO, "old/globex", "--at-once", "2", "--yes")
    assert said.exit_code == 130, said.output
    assert "what has begun is finished first" in said.stderr
    assert "old/globex: not begun" in said.stderr
    assert len(bench.services.operations.list(limit=10)) == 2


def test_an_interrupt_leaves_them_at_a_server(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.yaml").write_text(MAP)
    person = Person(bench, in_process=False)
    bench.migrating.gate.clear()

    def press() -> None:
        raise KeyboardInterrupt

    person.wiring.on_sleep = press
    said = person(*TWO, "--yes")
    assert said.exit_code == 130, said.output
    assert said.stderr.count("pumphouse operation watch") == 2
    assert {o.status for o in bench.services.operations.list()} <= {"running", "accepted"}
    bench.migrating.gate.set()


@pytest.mark.parametrize(("answer", "code", "begun"), [("y\n", 3, 1), ("n\n", 1, 0)])
def test_several_are_asked_for_once_with_their_plans(
    person: Person, bench: Bench, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, begun: int
) -> None:
    monkeypatch.setattr(Session, "interactive", property(lambda _: True))
    bench.migrating.blocked.add("globex")
    words = ("tenant", "migrate", "old/acme", "old/globex", "--to", "new", "--map", "map.yaml")
    said = person(*words, answers=answer)
    assert said.exit_code == code, said.output
    assert "Migrate 1 tenant; 1 is blocked and will be refused?" in said.stderr
    assert len(bench.stores.migrations()) == begun
    assert said.stderr.count("go over the wire") == 2


def test_the_table_of_several_while_they_run() -> None:
    now = datetime.now(UTC)
    operation = OperationView(
        id="0123456789", name="x", kind="migrate_tenant", status=OperationStatus.RUNNING, created_at=now, started_at=now,
        current_step="b", steps=(StepView(name="b", title="Copy the images", position=1, status=StepStatus.RUNNING),),
        progress=ProgressView(done=3, total=12, eta_s=100),
    )  # fmt: skip

    def start(key: str) -> OperationView:
        raise AssertionError(key)

    runs = [
        Run("old/acme", start, operation),
        Run("old/globex", start),
        Run("old/shop", start, error=ConflictError("no")),
        Run("old/large", start, starting=Future()),
    ]
    console = Console(file=io.StringIO(), width=140, color_system=None)
    console.print(_Table(runs)._render())
    written = console.file.getvalue()  # type: ignore[attr-defined]
    for word in ("Copy the images", "3 of 12", "about 1 min 40 s", "waiting", "failed", "planning"):
        assert word in written, written
    assert [run.code for run in runs] == [Exit.FAILED, Exit.INTERRUPTED, Exit.FAILED, Exit.INTERRUPTED]


def test_the_worst_of_several() -> None:
    assert worst([]) is Exit.DONE
    assert worst([Exit.DONE, Exit.WITH_ERRORS]) is Exit.WITH_ERRORS
    assert worst([Exit.BLOCKED, Exit.FAILED, Exit.WITH_ERRORS]) is Exit.FAILED
