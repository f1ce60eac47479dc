"""The rig as a fixture."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.workflows.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    built = Rig(tmp_path)
    yield built
    built.close()
