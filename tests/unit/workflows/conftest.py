"""The rig as a fixture."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.workflows.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    built = Rig(tmp_path)
    yield built
    built.close()


@pytest.fixture(autouse=True)
def _the_dead_scream() -> Iterator[None]:
    """A crash kills the engine's own threads too: that is what these tests are about, not a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pytest.PytestUnhandledThreadExceptionWarning)
        yield
