"""The end of a maintenance as people write it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pumphouse.cli.moments import parse_moment
from pumphouse.domain.errors import InvalidInputError

# a Saturday; in Berlin the clock goes from 03:00 back to 02:00 in the night that follows
NOW = datetime(2026, 10, 24, 16, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("90m", "2026-10-24T18:00:00+00:00"),
        ("2h", "2026-10-24T18:30:00+00:00"),
        ("3D", "2026-10-27T16:30:00+00:00"),
        ("1d12h5m", "2026-10-26T04:35:00+00:00"),
        ("1w", "2026-10-31T16:30:00+00:00"),
        (" 18:31 ", "2026-10-24T16:31:00+00:00"),
        # 18:30 in Berlin is now: tomorrow's, whose offset is another one
        ("18:30", "2026-10-25T17:30:00+00:00"),
        ("9:05", "2026-10-25T08:05:00+00:00"),
        ("2026-10-24T20:00:00Z", "2026-10-24T20:00:00+00:00"),
        ("2026-10-24T20:00+04:00", None),
        ("2026-10-24 20:00", "2026-10-24T18:00:00+00:00"),
        ("2026-10-26", "2026-10-25T23:00:00+00:00"),
    ],
)
def test_what_people_write(text: str, wanted: str | None) -> None:
    if wanted is None:
        with pytest.raises(InvalidInputError, match="has passed"):
            parse_moment("--until", text, NOW)
        return
    assert parse_moment("--until", text, NOW) == datetime.fromisoformat(wanted)


@pytest.mark.parametrize(
    "text",
    ["", " ", "soon", "2", "2x", "h", "m2", "-2h", "1.5h", "2h30", "25:00", "12:60", "12:5", "1:2:3", "2026-13-01", "2026-02-30T10:00",
     "999999w", "9999-12-31T23:59:59-12:00", "tomorrow 10:00", "2026-11-01T10:00+99:00"],
)  # fmt: skip
def test_what_cannot_be_read_names_the_option_and_a_remedy(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"--until .*cannot|no moment") as caught:
        parse_moment("--until", text, NOW)
    assert caught.value.field == "--until"
    assert "90m" in caught.value.hint


@pytest.mark.parametrize("text", ["0m", "0h", "2026-10-24T16:30:00Z", "2025-01-01", "0001-01-01"])
def test_what_has_passed_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_moment("--until", text, NOW)
    assert caught.value.field == "--until"
