"""The API is what its description says: the committed one, and under requests that schemathesis invents from it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fakes.bench import Bench
from tests.unit.api.schema import described, written

SNAPSHOT = Path(__file__).parents[3] / "docs" / "openapi.json"
STREAM = "/v1/events"
"""Does not end by itself; tests/unit/api/test_stream.py is about it."""


def test_the_description_is_the_committed_one() -> None:
    assert SNAPSHOT.read_text() == written(), (
        "the API has changed: if that is meant, write docs/openapi.json anew with tools/openapi and look at its diff"
    )


def try_all(bench: Bench, examples: int) -> int:
    # a second to import: not in the runs that do not need it
    import schemathesis
    from schemathesis.checks import not_a_server_error

    app = bench.app()
    schema = schemathesis.openapi.from_dict(described())
    schema.app = app
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path == STREAM:
            continue

        @given(case=operation.as_strategy())
        @settings(
            max_examples=examples, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def holds(case: Any) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(checks=[not_a_server_error])

        holds()
    return tried


@pytest.mark.crash
def test_no_request_breaks_the_server(bench: Bench) -> None:
    assert try_all(bench, 1) > 20


@pytest.mark.crash
def test_no_request_breaks_the_server_for_longer(bench: Bench) -> None:
    assert try_all(bench, 40) > 500
