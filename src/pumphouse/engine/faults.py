"""What is recorded of an exception: our own errors in their words, all others as type and message, both without credentials.

The engine calls it at the step boundary, the one place that catches everything.
"""

import re
import traceback
from dataclasses import dataclass

import structlog

from pumphouse.domain.errors import PumphouseError

LONGEST = 2000
_HIDDEN = "***"
_PATTERNS = (
    # scheme://user:password@host
    (
        re.compile(r"(?P<keep>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)", re.IGNORECASE),
        rf"\g<keep>{_HIDDEN}",
    ),
    # Authorization: Bearer ..., X-Auth-Token: ...
    (
        re.compile(
            r"(?P<keep>authorization['\"]?\s*[:=]\s*['\"]?(?:bearer|basic)\s+)[^\s'\",}]+", re.IGNORECASE
        ),
        rf"\g<keep>{_HIDDEN}",
    ),
    # password=..., 'adminPass': '...', secret_key: ..., X-Subject-Token=...
    (
        re.compile(
            r"(?P<keep>[\w-]*(?:password|passwd|adminpass|secret|token|api[_-]?key|credential)[\w-]*['\"]?\s*[:=]\s*)"
            r"(?:u?'[^']*'|u?\"[^\"]*\"|[^\s'\",;&}\])]+)",
            re.IGNORECASE,
        ),
        rf"\g<keep>{_HIDDEN}",
    ),
    # a Fernet token wherever it stands
    (re.compile(r"gAAAA[\w=-]{20,}"), _HIDDEN),
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """What a person reads of an error."""

    message: str
    hint: str = ""


def scrub(text: str) -> str:
    """`text` without passwords, tokens and secrets, as far as they can be told by their surroundings."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def describe(error: BaseException, **where: str | None) -> Fault:
    """Words for the record; an error that is not ours also goes to the log with its traceback (`where` are the log's fields)."""
    if isinstance(error, PumphouseError):
        return Fault(scrub(error.message)[:LONGEST], scrub(error.hint)[:LONGEST])
    text = scrub("".join(traceback.format_exception(error)))
    _log.error("engine.unexpected_error", error_type=type(error).__name__, traceback=text, **where)
    message = scrub(str(error)).strip()[:LONGEST]
    return Fault(
        f"{type(error).__name__}: {message}" if message else type(error).__name__,
        "this is a fault of ours; see the log",
    )
