"""Checked reading of an operation's parameters; every workflow's `normalise` uses it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pumphouse.domain.errors import InvalidInputError


class Parameters:
    """Reads values by name and keeps what it read, with defaults filled in, in `known`."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self.known: dict[str, Any] = {}

    def text(self, name: str, default: str | None = None, *, longest: int = 255) -> str:
        """A text of one line; without a default it must be given and not be empty."""
        value = self._given.get(name, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise InvalidInputError(name, value, "must be a text that is not empty")
        if len(value) > longest or re.search(r"[\x00-\x1f]", value):
            raise InvalidInputError(name, value, f"must be one line of at most {longest} characters")
        self.known[name] = value.strip()
        return value.strip()

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number between `low` and `high`."""
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidInputError(name, value, f"must be a whole number from {low} to {high}")
        self.known[name] = value
        return value

    def factor(self, name: str, default: float) -> float:
        """A number from 0.01 to 100 by which something is multiplied."""
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.01 <= value <= 100:
            raise InvalidInputError(name, value, "must be a number from 0.01 to 100")
        self.known[name] = float(value)
        return float(value)

    def choice(self, name: str, options: Sequence[str], default: str | None = None) -> str:
        """One of a few words."""
        value = self._given.get(name, default)
        if value not in options:
            raise InvalidInputError(name, value, f"must be one of: {', '.join(options)}")
        self.known[name] = value
        return str(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._given.get(name, default)
        if not isinstance(value, bool):
            raise InvalidInputError(name, value, "must be true or false")
        self.known[name] = value
        return value

    def end(self) -> Mapping[str, Any]:
        """The checked values.

        Raises:
            InvalidInputError: something was given that nobody has read.
        """
        for name in self._given:
            if name not in self.known:
                raise InvalidInputError(
                    name,
                    self._given[name],
                    f"is no parameter here; known are: {', '.join(self.known)}",
                    hidden=True,
                )
        return self.known
