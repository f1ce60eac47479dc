"""The answers file of a duplicate: every planned setting with its fate, reason and value, to be reviewed, changed and applied again. `env duplicate` uses it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pumphouse.domain.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from pumphouse.wire.duplication import PlannedSettingView

VERSION: Final = 1
_HEAD: Final = """\
# How {name} is built like {original}. Change `value` where you decide otherwise; the other fields only explain. `value: null` leaves it to the new
# release or to the deployer. There are no secrets here: the deployer makes its own.
# Apply it: pumphouse env duplicate {original} --answers {file} --deploy
"""
_FIELDS: Final = frozenset({"version", "original", "name", "release", "contents", "settings", "unknown"})
_ROW: Final = frozenset({"key", "fate", "reason", "was", "value", "answered"})
_EDITABLE_CONTENTS: Final = "contents.external_networks"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a file says."""

    original: str
    name: str
    release: str
    contents: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


def write(
    path: Path,
    about: Answers,
    settings: "list[PlannedSettingView]",
    unknown: list[str],
    *,
    overwrite: bool,
) -> None:
    """Write the plan as a file.

    Raises:
        ConflictError: it exists, and may hold somebody's work.
        InvalidInputError: it cannot be written.
    """
    import yaml

    rows = [setting.model_dump(mode="json") for setting in settings]
    document = {
        "version": VERSION,
        "original": about.original,
        "name": about.name,
        "release": about.release,
        "contents": list(about.contents),
        "settings": [{k: row[k] for k in ("key", "fate", "reason", "was", "value")} for row in rows],
        "unknown": unknown,
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    head = _HEAD.format(name=about.name, original=about.original, file=path)
    try:
        with path.open("w" if overwrite else "x") as file:
            file.write(head + text)
    except FileExistsError as error:
        raise ConflictError(
            f"{path} exists already", hint="name another file with --save, or overwrite it with --yes"
        ) from error
    except OSError as error:
        raise InvalidInputError(
            "--save", str(path), f"it cannot be written ({type(error).__name__})"
        ) from error


def read(path: Path) -> Answers:
    """What a file says.

    Raises:
        InvalidInputError: naming file, field and remedy.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            "--answers", str(path), f"it cannot be read ({type(error).__name__})"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise InvalidInputError("--answers", str(path), f"it is no YAML{where}") from error
    if not isinstance(document, dict):
        raise InvalidInputError("--answers", str(path), "it must be a mapping, as --save writes it")
    _check(document)
    return Answers(
        document["original"],
        document["name"],
        document["release"],
        tuple(document.get("contents") or ()),
        dict(_row(number, row) for number, row in enumerate(document["settings"], 1) if _says_something(row)),
    )


def _check(document: Mapping[str, Any]) -> None:
    for name in document:
        if name not in _FIELDS:
            raise InvalidInputError(
                "answers file", str(name), f"no such field; known are: {', '.join(sorted(_FIELDS))}"
            )
    for name in ("original", "name", "release"):
        if not isinstance(document.get(name), str) or not document[name]:
            raise InvalidInputError(
                f"answers file: {name}",
                document.get(name),
                "must be a text",
                hint="a release such as 2026.1 needs quotes in YAML: '2026.1'" if name == "release" else "",
            )
    if document.get("version") != VERSION:
        raise InvalidInputError(
            "answers file: version", document.get("version"), f"must be {VERSION}", hint="write it anew"
        )
    if not isinstance(document.get("settings"), list):
        raise InvalidInputError("answers file: settings", None, "must be a list of settings")


def _says_something(row: Any) -> bool:
    """What has no value is left to the plan; contents are named by their kinds, but for the networks, whose addresses are decided."""
    if not isinstance(row, dict) or "value" not in row:
        return True
    key = str(row.get("key", ""))
    return row["value"] is not None and (not key.startswith("contents.") or key == _EDITABLE_CONTENTS)


def _row(number: int, row: Any) -> tuple[str, Any]:
    where = f"answers file: settings[{number}]"
    if not isinstance(row, dict) or not isinstance(row.get("key"), str) or "value" not in row:
        raise InvalidInputError(where, row, "must have at least key and value")
    wrong = sorted(str(name) for name in row if name not in _ROW)
    if wrong:
        raise InvalidInputError(
            f"{where} ({row['key']})", wrong[0], f"no such field; known are: {', '.join(sorted(_ROW))}"
        )
    return row["key"], row["value"]
