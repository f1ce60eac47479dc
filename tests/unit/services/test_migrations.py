"""Migrations on record: which is meant, what its report says, and that an environment is not forgotten half way."""

from dataclasses import replace

import pytest

from pumphouse.domain.errors import AmbiguousError, ConflictError, NotFoundError
from pumphouse.domain.resource import Move, MoveState, ResourceKind
from tests.fakes.bench import Bench
from tests.fakes.fencing import ACME

K = ResourceKind


def put(
    bench: Bench, *states: MoveState, to: str = "new", tenant: str = ACME, name: str = "acme"
) -> list[Move]:
    moves = [Move("old", tenant, to, K.PROJECT, tenant, name, states[0], "p2", ours=True)]
    moves += [
        Move("old", tenant, to, K.NETWORK, f"n{i}", "net", s, f"m{i}") for i, s in enumerate(states[1:])
    ]
    bench.stores.put_moves(moves)
    return moves


V, C = MoveState.VERIFIED, MoveState.COMMITTED


def test_the_only_one_need_not_be_named(bench: Bench) -> None:
    put(bench, V)
    found = bench.services.migrations.resolve("old", "acme", None)
    assert (found.destination, found.recorded, found.params["tenant"]) == ("new", True, ACME)
    bench.add("broken")
    put(bench, V, to="broken")
    with pytest.raises(AmbiguousError) as caught:
        bench.services.migrations.resolve("old", "acme", None)
    assert "broken, new" in caught.value.hint


def test_none_is_told_with_the_way_to_begin(bench: Bench) -> None:
    with pytest.raises(NotFoundError) as caught:
        bench.services.migrations.resolve("old", "acme", None)
    assert "pumphouse tenant migrate old/acme --to ENV" in caught.value.hint
    with pytest.raises(NotFoundError) as caught:
        bench.services.migrations.report("old", "acme", "new")
    assert "pumphouse tenant migrate old/acme --to new" in caught.value.hint
    assert not bench.services.migrations.resolve("old", "acme", "new").recorded


def test_a_tenant_that_is_gone_is_known_by_its_record(bench: Bench) -> None:
    put(bench, C, C)
    bench.tenants["old"].known = []
    for called in ("acme", ACME):
        assert bench.services.migrations.report("old", called, None).tenant_name == "acme"
    bench.tenants["old"].silent = True
    assert bench.services.migrations.report("old", "acme", "new").status == "committed"
    with pytest.raises(Exception, match="does not answer"):
        bench.services.migrations.report("old", "nobody", None)


def test_they_are_listed_for_both_ends(bench: Bench) -> None:
    put(bench, V, V, MoveState.MADE)
    [one] = bench.services.migrations.list()
    assert (one.tenant_name, one.states) == ("acme", {V: 2, MoveState.MADE: 1})
    assert len(bench.services.migrations.list("old")) == len(bench.services.migrations.list("new")) == 1
    bench.add("broken")
    assert not bench.services.migrations.list("broken")


@pytest.mark.parametrize("name", ["old", "new"], ids=["source", "destination"])
def test_an_environment_with_a_tenant_half_way_is_not_removed(bench: Bench, name: str) -> None:
    moves = put(bench, C, V)
    with pytest.raises(ConflictError, match="acme") as caught:
        bench.services.environments.remove(name)
    assert f"pumphouse tenant commit old/{ACME} --to new" in caught.value.hint
    assert f"pumphouse tenant rollback old/{ACME} --to new" in caught.value.hint
    assert bench.services.environments.show(name)
    bench.stores.put_moves([replace(m, state=C) for m in moves])
    bench.services.environments.remove(name)
    assert not bench.stores.migrations(), "another environment may get the name"
