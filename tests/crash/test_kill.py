"""SIGKILL at every step boundary, in the middle of items, and around every transaction: nothing is done twice and nothing is lost."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from pumphouse.domain.operation import Operation, OperationStatus
from pumphouse.drivers.database.stores import Stores
from tests.crash.conftest import Nursery
from tests.crash.nursery import Job
from tests.fakes.marks import World

COUNT = 3
ITEMS = [f"move-{n}" for n in range(COUNT)]
STEPS = ["prepare", "commit", "finish"]
MARKS = {*STEPS, *ITEMS}
FORWARD = [f"{name}:{when}" for name in [*STEPS, *ITEMS] for when in ("before", "after")] + ["move:list"]
BACKWARD = [f"{name}:{when}" for name in [*STEPS, *ITEMS] for when in ("undo", "undone")]
# one more than the engine makes, so that a transaction that is added later is not left out unseen
FORWARD_WRITES, BACKWARD_WRITES, PARENT_WRITES = 16, 16, 24


@pytest.fixture
def where(empty: Path, tmp_path: Path) -> Path:
    """A directory with such a database."""
    shutil.copy(empty, tmp_path)
    return tmp_path


def job(where: Path, parallel: int = 2, **values: object) -> Job:
    params = {"count": COUNT, "parallel": parallel}
    return Job(f"sqlite:///{where / 'test.db'}", str(where / "world"), params=params, **values)  # type: ignore[arg-type]


def width(point: str) -> int:
    """Transactions come in a fixed order only when items run one by one."""
    return 1 if point.startswith("apply") else 2


def only(where: Path) -> Operation:
    stores = Stores(f"sqlite:///{where / 'test.db'}")
    try:
        return stores.operation(stores.operations(roots_only=True)[0].id)
    finally:
        stores.close()


def effects(where: Path) -> Counter[tuple[str, str]]:
    return Counter(World(where / "world").effects())


def writes(last: int) -> list[str]:
    return [f"apply:{n}:{when}" for n in range(1, last + 1) for when in ("before", "after")]


@pytest.mark.parametrize("point", [*FORWARD, *writes(FORWARD_WRITES)])
def test_killed_while_doing(nursery: Nursery, where: Path, point: str) -> None:
    codes = nursery.run(job(where, kill=point, parallel=width(point)))
    beyond = point.startswith(f"apply:{FORWARD_WRITES}:")
    assert codes == [0 if beyond else -9]
    assert nursery.run(job(where)) == [0]
    assert only(where).status is OperationStatus.DONE
    assert effects(where) == Counter({("do", mark): 1 for mark in MARKS})


@pytest.mark.parametrize("point", [*BACKWARD, *writes(BACKWARD_WRITES)])
def test_killed_while_undoing(nursery: Nursery, where: Path, point: str) -> None:
    assert nursery.run(job(where, parallel=width(point))) == [0]
    codes = nursery.run(job(where, wish="undo", kill=point, parallel=width(point)))
    beyond = point.startswith(f"apply:{BACKWARD_WRITES}:")
    assert codes == [0 if beyond else -9]
    assert nursery.run(job(where, wish="undo")) == [0]
    assert only(where).status is OperationStatus.UNDONE
    assert effects(where) == Counter({(verb, mark): 1 for mark in MARKS for verb in ("do", "undo")})


@pytest.mark.parametrize("point", writes(PARENT_WRITES))
def test_killed_with_a_child(nursery: Nursery, where: Path, point: str) -> None:
    codes = nursery.run(job(where, kind="parent", kill=point, parallel=width(point)))
    beyond = point.startswith(f"apply:{PARENT_WRITES}:")
    assert codes == [0 if beyond else -9]
    assert nursery.run(job(where, kind="parent")) == [0]
    assert only(where).status is OperationStatus.DONE
    assert effects(where) == Counter({("do", mark): 1 for mark in MARKS | {"open", "close"}})


@pytest.mark.parametrize("first", ["prepare:after", "move-1:after", "commit:before"])
@pytest.mark.parametrize("second", ["move-2:before", "commit:after", "finish:before"])
def test_killed_twice(nursery: Nursery, where: Path, first: str, second: str) -> None:
    nursery.run(job(where, kill=first))
    nursery.run(job(where, kill=second))
    assert nursery.run(job(where)) == [0]
    assert effects(where) == Counter({("do", mark): 1 for mark in MARKS})


@pytest.mark.parametrize(
    "point",
    [
        "prepare:before",
        "prepare:after",
        "move:list",
        *(f"{i}:after" for i in ITEMS),
        "commit:after",
        "finish:after",
    ],
)
def test_a_failure_anywhere_is_undone_to_what_was(nursery: Nursery, where: Path, point: str) -> None:
    assert nursery.run(job(where, fail=[point])) == [0]
    assert only(where).status is OperationStatus.FAILED
    assert nursery.run(job(where, wish="undo", kill="prepare:undo")) == [-9]
    assert nursery.run(job(where, wish="undo")) == [0]
    assert only(where).status is OperationStatus.UNDONE
    counts = effects(where)
    assert World(where / "world").marks() == set()
    assert set(counts.values()) <= {1}
