"""Each step of a duplicate and of a deletion fails once for good, ahead of its work or with all of it done: a retry ends with a working environment, an
undo leaves nothing. Which steps there are comes from the workflows, so a new one is covered by itself.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pumphouse.domain.operation import OperationStatus
from pumphouse.engine.step import ItemStep, Step
from pumphouse.workflows.duplicate_environment import DeleteEnvironment, DuplicateEnvironment
from tests.fakes.sites import PIECES
from tests.unit.workflows.duplicate_rig import DuplicateRig
from tests.unit.workflows.test_failures import break_step

PARAMS: dict[str, Any] = {"contents": ["flavors", "roles", "images", "quotas"]}
DUPLICATE = DuplicateEnvironment()
DELETE = DeleteEnvironment()


class Case:
    """One step and the moment at which it fails."""

    quick: ClassVar[frozenset[str]] = frozenset({"build-after", "furnish_flavors-item"})

    def __init__(self, step: Step, moment: str) -> None:
        self.step, self.moment = step, moment
        self.name = f"{step.name}-{moment}"


def cases(steps: Sequence[Step]) -> list[Any]:
    found = [
        Case(step, moment)
        for step in steps
        for moment in ("before", "after", *(("item", "moved") if isinstance(step, ItemStep) else ()))
    ]
    return [
        pytest.param(c, id=c.name, marks=() if c.name in Case.quick else (pytest.mark.crash,)) for c in found
    ]


DUPLICATING = cases(
    DUPLICATE.steps(
        DUPLICATE.normalise({"environment": "old", "name": "twin", "release": "2026.2", **PARAMS})
    )
)
DELETING = cases(DELETE.steps(DELETE.normalise({"environment": "twin"})))


def test_the_quick_ones_exist() -> None:
    assert {c.id for c in DUPLICATING} >= Case.quick


@pytest.mark.parametrize("case", DUPLICATING)
@pytest.mark.parametrize("way", ["undo", "retry"])
def test_a_step_of_a_duplicate_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case, way: str
) -> None:
    rig = DuplicateRig(tmp_path)
    before = rig.world()
    with monkeypatch.context() as broken:
        break_step(broken, case.step, case.moment)
        failed = rig.run(**PARAMS)
    assert failed.status is OperationStatus.FAILED
    assert "injected" in rig.errors(failed)
    if way == "undo":
        undone = rig.undo(failed)
        assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
        assert rig.world() == before
    else:
        done = rig.retry(failed)
        assert done.status is OperationStatus.DONE, rig.errors(done)
        assert rig.sites.standing() == {"twin": set(PIECES)}
        assert rig.sites.secrets == {"twin": 1}, "its secrets were made twice"
        for kind in ("flavor", "image"):
            assert rig.sites.sites["twin"].contents[kind] == rig.sites.sites["old"].contents[kind]
    rig.close()


@pytest.mark.parametrize("case", DELETING)
def test_a_step_of_a_deletion_fails_and_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    rig = DuplicateRig(tmp_path)
    before = rig.world()
    assert rig.run(**PARAMS).status is OperationStatus.DONE
    with monkeypatch.context() as broken:
        break_step(broken, case.step, case.moment)
        failed = rig.run("delete_environment")
    assert failed.status is OperationStatus.FAILED
    done = rig.retry(failed)
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert rig.world() == before
    rig.close()
