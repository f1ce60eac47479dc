"""The rows of the tables of keys: which answers a key is told from, and how. The tables stand in settings_*.py; docs/settings.md lists all keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pumphouse.domain.settings import Setting
from pumphouse.drivers.openstack.settings_answers import Answer, NotToldError


@dataclass(frozen=True, slots=True)
class Tell:
    """`value` makes the value of `key` from the answers to `needs`; it raises NotToldError where they do not tell."""

    key: str
    needs: tuple[str, ...]
    value: Callable[..., Any]

    def setting(self, answers: Mapping[str, Answer], at: datetime) -> Setting | None:
        """The setting; None when the cloud lacks the service that would tell it."""
        if any(name not in answers for name in self.needs):
            return None
        given = [answers[name] for name in self.needs]
        failure = next((answer.failure for answer in given if answer.failure), "")
        source = ", ".join(dict.fromkeys(answer.source for answer in given))
        if failure:
            return Setting(self.key, None, failure, at, known=False)
        try:
            return Setting(self.key, self.value(*(answer.value for answer in given)), source, at)
        except NotToldError as untold:
            return Setting(self.key, None, f"{source}: {untold}", at, known=False)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            # an answer of another shape than all releases that we know: said, not guessed at
            return Setting(self.key, None, f"{source}: not understood ({error!r})", at, known=False)


@dataclass(frozen=True, slots=True)
class Untold:
    """A key that no API tells; a deployer may."""

    key: str
    reason: str

    def setting(self, at: datetime) -> Setting:
        """Unknown, with the reason."""
        return Setting(self.key, None, self.reason, at, known=False)


def by_name(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Contents in the order of their names; those of one name in that of their values."""
    return sorted(rows, key=lambda row: (str(row["name"]), repr(row)))
