"""Reads a moment as people write it: `2h`, `18:30`, or ISO 8601. Used by commands that take the end of something."""

import re
from datetime import date, datetime, time, timedelta

from pumphouse.domain.errors import InvalidInputError

HINT = "give a span like 90m, 2h or 1d12h, the next time of a clock like 18:30, or ISO 8601 like 2026-11-30T18:30+01:00"
SPAN = re.compile(r"^(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?$")
CLOCK = re.compile(r"^(\d{1,2}):(\d{2})$")


def parse_moment(field: str, text: str, now: datetime) -> datetime:
    """The moment behind `now` that `text` means, in the local zone where it names none.

    Raises:
        InvalidInputError: it cannot be read, or has passed; `field` is named in it.
    """
    wanted = text.strip()
    try:
        moment = _span(wanted, now) or _next_clock(wanted, now) or datetime.fromisoformat(wanted)
        # a naive one is local time; an absurd one has no place in the calendar of some zone
        moment = moment.astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidInputError(field, text, "is no moment that we can read", hint=HINT) from error
    if moment <= now:
        raise InvalidInputError(
            field, text, f"has passed, it is {now.astimezone():%Y-%m-%d %H:%M}", hint=HINT
        )
    return moment


def _span(text: str, now: datetime) -> datetime | None:
    found = SPAN.match(text.lower())
    if not text or found is None:
        return None
    weeks, days, hours, minutes = (int(part or 0) for part in found.groups())
    return now + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)


def _next_clock(text: str, now: datetime) -> datetime | None:
    found = CLOCK.match(text)
    if found is None:
        return None
    at, today = time(int(found[1]), int(found[2])), now.astimezone().date()
    moment = _local(today, at)
    return moment if moment > now else _local(today + timedelta(days=1), at)


def _local(day: date, at: time) -> datetime:
    """Local time, with the offset of that very day: a clock may change in the night."""
    return datetime.combine(day, at).astimezone()
