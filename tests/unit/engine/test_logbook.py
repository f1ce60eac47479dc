"""TaskFlow's own record of a run: written by our backend with as few statements as it takes, so it is read here as TaskFlow's stock one does."""

import sqlalchemy as sa
from taskflow.persistence.backends.impl_sqlalchemy import SQLAlchemyBackend
from taskflow.persistence.models import FlowDetail

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError
from tests.unit.engine.conftest import Bench


def _flows(bench: Bench, operation_id: str) -> dict[str, FlowDetail]:
    engine = bench.stores.database
    assert isinstance(engine, sa.Engine)
    stock = SQLAlchemyBackend({}, engine=engine).get_connection()
    return {flow.name: flow for flow in stock.get_logbook(operation_id)}


def _states(flow: FlowDetail) -> dict[str, str]:
    return {atom.name: atom.state for atom in flow if not atom.name.endswith(":rounds")}


def test_a_flow_that_ended_says_so_and_so_do_its_atoms(bench: Bench) -> None:
    flow = _flows(bench, bench.run(count=1).id)["forward"]
    assert flow.state == "SUCCESS"
    assert set(_states(flow).values()) == {"SUCCESS"}
    assert {atom.results for atom in flow if not atom.name.endswith(":rounds")} == {"go on"}


def test_a_flow_that_was_left_is_suspended_and_what_follows_pending(bench: Bench) -> None:
    bench.fail_at({"commit:before": CloudRefusedError("no", hint="")})
    flow = _flows(bench, bench.run(count=1).id)["forward"]
    assert flow.state == "SUSPENDED"
    assert "PENDING" in _states(flow).values()
    assert _states(flow)["prepare"] == "SUCCESS"


def test_rounds_and_their_failures_are_kept(bench: Bench) -> None:
    tries = iter([CloudFaultError("away")])

    def once(point: str) -> None:
        if point.startswith("prepare") and (error := next(tries, None)):
            raise error

    bench.world.hook = once
    flow = _flows(bench, bench.run(count=1).id)["forward"]
    rounds = next(atom for atom in flow if atom.name == "prepare:rounds")
    # the values before them are misread by TaskFlow itself
    assert [sorted(failures) for _, failures in rounds.results] == [["prepare"], []]
    assert flow.state == "SUCCESS"


def test_undoing_is_a_second_flow_of_the_same_book(bench: Bench) -> None:
    done = bench.run(count=1)
    bench.engine.undo(done.id)
    bench.engine.run(done.id)
    assert set(_flows(bench, done.id)) == {"forward", "undo"}
