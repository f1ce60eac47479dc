"""Blots out secrets in what a script prints, before it becomes an event, an error or a log line. Used by `process`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

BLOT = "***"
MIN_LENGTH = 4
"""Shorter values are not blotted out: "1" would turn every number into stars."""
MAX_LINE = 2000

_SECRET_NAME = re.compile(r"pass|secret|token|key|credential|auth", re.IGNORECASE)
_URL_LOGIN = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
_ASSIGNMENT = re.compile(
    r"""(?i)\b([\w-]*(?:password|passwd|secret|token|api[_-]?key|credential)[\w-]*["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&]+)"""
)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|[\x00-\x08\x0b-\x1f\x7f]")


class Scrubber:
    """Knows the secrets of one deployer."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # the longest first: one secret may be part of another
        self._secrets = sorted({s for s in secrets if len(s) >= MIN_LENGTH}, key=len, reverse=True)

    def line(self, text: str) -> str:
        """A printable line without secrets, cut at `MAX_LINE` characters."""
        text = _CONTROL.sub("", text)
        for secret in self._secrets:
            text = text.replace(secret, BLOT)
        text = _URL_LOGIN.sub(BLOT, text)
        text = _ASSIGNMENT.sub(lambda m: m[1] + BLOT, text)
        return text if len(text) <= MAX_LINE else text[:MAX_LINE] + " [cut]"


def secrets_in(value: Mapping[str, Any]) -> list[str]:
    """The texts in a nested mapping whose name sounds like a secret."""
    found: list[str] = []
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            found += secrets_in(inner)
        elif isinstance(inner, str) and _SECRET_NAME.search(name):
            found.append(inner)
    return found
