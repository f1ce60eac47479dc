"""What a look at a cloud brought up: a plan is a list of these and of steps."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters: critical blocks, a warning wants to be read, info explains."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an operator should know before (or after) something is done.

    `code` is a stable slug such as `no-room`; `subject` names what it is about (`server web-1`); `suggestion` is a remedy.
    """

    severity: Severity
    code: str
    subject: str
    message: str
    suggestion: str = ""


def critical(code: str, subject: str, message: str, suggestion: str = "") -> Finding:
    """A finding that blocks."""
    return Finding(Severity.CRITICAL, code, subject, message, suggestion)


def warning(code: str, subject: str, message: str, suggestion: str = "") -> Finding:
    """A finding that does not block but has to be read."""
    return Finding(Severity.WARNING, code, subject, message, suggestion)


def info(code: str, subject: str, message: str, suggestion: str = "") -> Finding:
    """A finding that only explains."""
    return Finding(Severity.INFO, code, subject, message, suggestion)


def blocking(findings: Iterable[Finding]) -> list[Finding]:
    """The critical ones among `findings`."""
    return [f for f in findings if f.severity is Severity.CRITICAL]
