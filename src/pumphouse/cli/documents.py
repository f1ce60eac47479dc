"""Reading YAML that people have written or edited: every wrong field is named at once, with its value and the remedy. Used by plan_file.py."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.migration import NAMED_BESIDE
from pumphouse.domain.resource import ResourceKind

SHOWN = 20
LONGEST = 60
NUMBERS = "network_mtu"
"""The one map of numbers: they need no quotes."""


@dataclass(slots=True)
class Reading:
    """What is wrong in one document, gathered while it is read."""

    option: str
    path: Path
    wrong: list[str] = field(default_factory=list)

    def say(self, where: str, value: object, what: str) -> None:
        """Note one wrong field."""
        text = repr(value)
        self.wrong.append(f"{where} {text if len(text) <= LONGEST else text[:LONGEST] + '…'}: {what}")

    def unknown(self, where: str, given: Iterable[Any], known: Collection[str]) -> None:
        """Note the names that nobody knows."""
        for name in given:
            if name not in known:
                self.say(where, name, f"no such name; {_meant(str(name), known)}")

    def names(self, where: str, value: Any) -> dict[str, dict[str, str]]:
        """Kind -> {name in the source: name in the destination}; what is still open (null) is left out."""
        if not isinstance(value, Mapping):
            self.say(where, value, "must be a mapping of kinds")
            return {}
        self.unknown(where, value, [*ResourceKind, *NAMED_BESIDE])
        found: dict[str, dict[str, str]] = {}
        for kind, names in value.items():
            if not isinstance(names, Mapping):
                self.say(
                    f"{where}.{kind}", names, "must be a mapping: name in the source: name in the destination"
                )
                continue
            found[str(kind)] = {}
            for name, target in names.items():
                numbers = kind == NUMBERS and type(name) is int and type(target) is int
                texts = isinstance(name, str) and isinstance(target, str)
                if target is None:
                    continue
                if not texts and not numbers:
                    self.say(f"{where}.{kind}", {name: target}, "must be texts; put what looks like a number into quotes")  # fmt: skip
                    continue
                found[str(kind)][str(name)] = str(target)
        return {kind: names for kind, names in found.items() if names}

    def texts(self, where: str, value: Any) -> tuple[str, ...]:
        """A list of texts."""
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.say(where, value, "must be a list of texts")
            return ()
        return tuple(value)

    def end(self) -> None:
        """Raises InvalidInputError with all that is wrong."""
        if not self.wrong:
            return
        lines = self.wrong[:SHOWN]
        if len(self.wrong) > SHOWN:
            lines.append(f"and {len(self.wrong) - SHOWN} more")
        raise InvalidInputError(
            self.option,
            str(self.path),
            "\n  ".join(["it cannot be used as it is:", *lines]),
            hint="correct these, or write the file anew with --save",
        )


def load(option: str, path: Path) -> Mapping[str, Any]:
    """The mapping in a YAML file.

    Raises:
        InvalidInputError: it cannot be read, or is none.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(option, str(path), f"it cannot be read ({type(error).__name__})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise InvalidInputError(option, str(path), f"it is no YAML{where}") from error
    if not isinstance(document, dict):
        raise InvalidInputError(option, str(path), "it must be a mapping")
    return document


def _meant(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are: {', '.join(sorted(known))}"
