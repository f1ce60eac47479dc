"""Reads the OS_* variables of an openrc file without executing it, and those of the shell; `pumphouse env add` calls it."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pumphouse.domain.errors import InvalidInputError

_LINE = re.compile(r"^\s*(?:export\s+|declare\s+-x\s+)?(?=OS_[A-Z0-9_]+=)")
_UNSET = re.compile(r"^\s*unset\s+(.+)$")
_LITERAL = re.compile(r"'[^']*'|\\.")
"""What a shell takes as it stands: in single quotes, or behind a backslash."""
_FILES = ("OS_CACERT", "OS_CERT", "OS_KEY")
MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class OpenRc:
    """What a file sets. `computed` are variables whose value the shell would have to work out (`$...`, backquotes): ours does not."""

    variables: Mapping[str, str] = field(repr=False)
    computed: tuple[str, ...]


def read_openrc(path: Path) -> OpenRc:
    """The variables of a file of `export OS_X=...` lines; all other lines are passed over, none is executed.

    Raises:
        InvalidInputError: it cannot be read, a line of it is no assignment, or it sets no OS_ variable. No value is repeated.
    """
    found: dict[str, str] = {}
    computed: set[str] = set()
    for number, line in enumerate(_text(path).splitlines(), 1):
        unset = _UNSET.match(line)
        for name in unset[1].split() if unset is not None else ():
            found.pop(name, None)
        if _LINE.match(line):
            names = _assigned(path, number, line)
            found |= names
            computed = (computed - names.keys()) | _worked_out(line, names)
    if not found:
        raise InvalidInputError(
            "openrc", str(path), "it sets no OS_ variable", hint="its lines should be: export OS_AUTH_URL=..."
        )
    kept = {name: value for name, value in found.items() if name not in computed}
    return OpenRc(kept, tuple(sorted(computed & found.keys())))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidInputError("openrc", str(path), "it is too large for an openrc file")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise InvalidInputError(
            "openrc", str(path), f"it cannot be read: {words}", hint="give the path of an openrc file"
        ) from error


def _worked_out(line: str, names: Mapping[str, str]) -> set[str]:
    """Those of a line whose value holds a `$` or a backquote that a shell would act on."""
    if not re.search(r"[$`]", _LITERAL.sub("", line)):
        return set()
    return {name for name, value in names.items() if re.search(r"[$`]", value)}


def _assigned(path: Path, number: int, line: str) -> dict[str, str]:
    try:
        words = shlex.split(line[_LINE.match(line).end() :], comments=True)  # type: ignore[union-attr]  # it did match
    except ValueError as error:
        raise InvalidInputError(
            "openrc",
            f"{path}, line {number}",
            f"it cannot be read ({error})",
            hint="close its quotes; a value with blanks or quotes goes into single quotes",
        ) from error
    pairs = (word.rstrip(";").partition("=") for word in words)
    return {name: value for name, equals, value in pairs if equals and re.fullmatch(r"OS_[A-Z0-9_]+", name)}


def of_shell(environment: Mapping[str, str]) -> dict[str, str]:
    """The OS_* variables of a shell.

    Raises:
        InvalidInputError: there are none, or they name an entry of clouds.yaml.
    """
    found = {name: value for name, value in environment.items() if name.startswith("OS_") and value}
    if "OS_AUTH_URL" not in found and "OS_CLOUD" in found:
        raise InvalidInputError(
            "OS_CLOUD",
            found["OS_CLOUD"],
            "names an entry of clouds.yaml, which --from-env does not read",
            hint=f"pumphouse env add NAME --cloud {found['OS_CLOUD']}",
        )
    used = {name: value for name, value in found.items() if name != "OS_CLIENT_CONFIG_FILE"}
    if not used:
        raise InvalidInputError(
            "--from-env",
            "",
            "no OS_ variable is set",
            hint="source an openrc file first, or use --openrc FILE",
        )
    return used


def placed(variables: Mapping[str, str], where: Path) -> dict[str, str]:
    """The same with the paths of certificates made absolute, as seen from `where`."""
    return {
        name: str((where / Path(value).expanduser()).absolute()) if name in _FILES and value else value
        for name, value in variables.items()
    }
