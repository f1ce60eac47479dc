"""kill -9 at every call of a smoke run: whoever goes on, or the next run, leaves nothing behind."""

from typing import TYPE_CHECKING, cast

import pytest

from pumphouse.domain.errors import StoppedError
from pumphouse.domain.operation import Item
from pumphouse.ports.workbench import Kind
from pumphouse.workflows.check_health.smoke import SMOKE
from pumphouse.workflows.check_health.steps import RunChecks
from tests.unit.health.bench import (
    FakeCloud,
    FakeContext,
    FakeTools,
    FakeWorkbench,
    Killed,
    run_set,
    statuses,
)

if TYPE_CHECKING:
    from pumphouse.engine.step import StepContext


def killing_at(bench: FakeWorkbench, number: int) -> list[str]:
    """Kill at the `number`-th call; answers the list of calls."""
    calls: list[str] = []

    def before(call: str) -> None:
        calls.append(call)
        if len(calls) == number:
            raise Killed(call)

    bench.before = before
    return calls


def count_calls() -> int:
    bench = FakeWorkbench()
    calls = killing_at(bench, -1)
    run_set(FakeContext(FakeTools(bench, FakeCloud()), "smoke"))
    return len(calls)


@pytest.mark.parametrize(
    "number",
    [
        # `make check` is content with a few of them
        pytest.param(number, marks=() if number % 8 == 1 else (pytest.mark.crash,))
        for number in range(1, count_calls() + 1)
    ],
)
def test_killed_at_any_call_and_resumed_or_swept(number: int) -> None:
    for resumed in (True, False):
        tools = FakeTools(FakeWorkbench(), FakeCloud())
        first = FakeContext(tools, "smoke", "op-1")
        killing_at(tools.bench, number)
        with pytest.raises(Killed):
            run_set(first)
        tools.bench.before = lambda call: None
        later = first if resumed else FakeContext(tools, "smoke", "op-2", first.clock)
        assert statuses(run_set(later)) == {check.name: "passed" for check in SMOKE}
        assert tools.bench.things == {}


def test_the_sweep_leaves_other_peoples_things_alone() -> None:
    tools = FakeTools(FakeWorkbench(), FakeCloud())
    mine = tools.bench.create(Kind.SERVER, "pumphouse-healthy", {})
    tools.bench.create(Kind.SERVER, "pumphouse-health-dead-boot_server", {})
    ctx = FakeContext(tools, "smoke")
    run_set(ctx)
    assert list(tools.bench.things) == [mine]
    assert ctx.events[0][0] == "health.swept"


def test_a_shutdown_is_no_result() -> None:
    tools = FakeTools(FakeWorkbench(), FakeCloud())
    ctx = FakeContext(tools, "smoke")

    def stop(call: str) -> None:
        raise StoppedError("shutdown")

    tools.bench.before = stop
    item = Item("i", "checks", "keypair", "k", "check")
    with pytest.raises(StoppedError):
        RunChecks(SMOKE, 1).do_item(cast("StepContext", ctx), item)
    assert "check:keypair" not in ctx.memory, "the engine catches it: it must come through unchanged"
