"""The application that these tests run against."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.bench import Bench, bench_in


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as they need: whoever runs the tests may have a narrow terminal."""
    monkeypatch.delenv("COLUMNS", raising=False)
