"""Whole environments through one script of the operator's, called with a verb and a name: rules R15 to R17. Made by `driver`.

What the script says is checked here: a sloppy answer must not become a setting that somebody copies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pumphouse.domain.environment import CloudAccess
from pumphouse.domain.errors import DeployerError, InvalidInputError
from pumphouse.domain.settings import EnvironmentSpec
from pumphouse.drivers.deployers.command.process import Ended, Exit
from pumphouse.ports.deployer import Progress


class Ask(Protocol):
    """Runs the script; errors other than a refusal that tells a key are raised."""

    def __call__(self, verb: str, subject: str, document: Mapping[str, Any], progress: Progress) -> Ended: ...


@dataclass(frozen=True, slots=True)
class ScriptedEnvironments:
    """The answers of the script, in the words of the port."""

    ask: Ask

    def releases(self) -> Sequence[str]:
        told = self._answer("releases", "", "releases")
        if not isinstance(told, list) or not all(isinstance(r, str) and r for r in told):
            raise _sloppy("releases", 'Its last line must be {"releases": ["2025.2", "2026.2"]}.')
        return tuple(told)

    def settable(self, release: str) -> Mapping[str, str]:
        told = self._answer("settable", release, "settable")
        if not isinstance(told, dict) or not all(isinstance(words, str) for words in told.values()):
            raise _sloppy("settable", 'Its last line must be {"settable": {"network.mtu": "1280 to 9216"}}.')
        return told

    def settings(self) -> Mapping[str, tuple[Any, str]]:
        told = self._answer("settings", "", "settings")
        form = 'Its last line must be {"settings": {"network.mtu": {"value": 1500, "source": "site.yml"}}}.'
        if not isinstance(told, dict):
            raise _sloppy("settings", form)
        found: dict[str, tuple[Any, str]] = {}
        for key, row in told.items():
            if not isinstance(row, dict) or "value" not in row or not isinstance(row.get("source"), str):
                raise _sloppy("settings", form)
            found[key] = (row["value"], row["source"])
        return found

    def built(self, name: str) -> EnvironmentSpec | None:
        told = self._answer("built", name, "built")
        if told is None:
            return None
        if not isinstance(told, dict) or not isinstance(told.get("release"), str):
            raise _sloppy(
                "built",
                'Its last line must be {"built": null} or {"built": {"release": "2026.2", "settings": {}}}.',
            )
        settings = told.get("settings")
        return EnvironmentSpec(name, told["release"], settings if isinstance(settings, dict) else {})

    def build(self, spec: EnvironmentSpec, progress: Progress) -> CloudAccess:
        document = {"release": spec.release, "settings": dict(spec.settings)}
        ended = self.ask("build", spec.name, document, progress)
        if ended.code == Exit.REFUSED:
            key = str(ended.answer.get("key"))
            value = spec.release if key == "release" else spec.settings.get(key)
            why = str(ended.answer.get("why") or "the script refuses it")
            raise InvalidInputError(key, value, why, hint="Choose another value, or leave it out.")
        cloud, file = ended.answer.get("cloud"), ended.answer.get("config_file")
        if not isinstance(cloud, str) or not isinstance(file, str) or not cloud or not file:
            raise _sloppy(
                "build", 'Its last line must be {"cloud": "NAME", "config_file": "/path/clouds.yaml"}.'
            )
        return CloudAccess(cloud, file)

    def raze(self, name: str, progress: Progress) -> None:
        self.ask("raze", name, {}, progress)

    def _answer(self, verb: str, subject: str, field: str) -> Any:
        ended = self.ask(verb, subject, {}, _nobody)
        if field not in ended.answer:
            raise _sloppy(verb, f"Its last line on stdout must be a JSON object with {field!r}.")
        return ended.answer[field]


def _sloppy(verb: str, hint: str) -> DeployerError:
    return DeployerError(f"the environments script gave no proper answer to {verb}", hint=hint)


def _nobody(line: str) -> None:
    del line
