"""The files of a migration: the plan, written to be reviewed, edited and applied, and the map of names. Used by migration.py."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pumphouse.cli.documents import Reading, load
from pumphouse.domain.errors import ConflictError, InvalidInputError
from pumphouse.domain.migration import Method
from pumphouse.domain.resource import ResourceKind

if TYPE_CHECKING:
    from pumphouse.wire.finding import PlanView

VERSION: Final = 1
STUCK: Final = frozenset({Method.OPEN, Method.CONFLICT, Method.CANNOT})
PLAN, MAP, SAVE = "--plan", "--map", "--save"
_HEAD: Final = """\
# How {environment}/{name} migrates to {destination}. Review it, edit it, and apply it: pumphouse tenant migrate --plan {file}
# You may change:
#   names      what stands for what in {destination}; `offered` says what there is to choose from, null is still open
#   resources  the action of a resource, to leave: it is not moved then
#   choices    as the options of the command line
# All else only explains. It is refused when the source has changed since (digest).
"""
_TEXTS = ("environment", "tenant", "name", "destination", "digest")
_FIELDS = frozenset({"version", *_TEXTS, "choices", "names", "offered", "resources", "findings"})
_ROW = frozenset({"kind", "name", "id", "action", "target", "size_bytes", "reason"})
_LISTS = ("include", "exclude")
_CHOICES = frozenset(
    {*_LISTS, "parallel", "on_failure", "keep_addresses", "stateless", "fence", "onboarding"}
)
_FLAG: Final[tuple[Callable[[Any], bool], str]] = (lambda value: isinstance(value, bool), "true or false")
_RULES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "parallel": (lambda value: type(value) is int and 1 <= value <= 64, "a whole number from 1 to 64"),
    "onboarding": (lambda value: isinstance(value, str) and value.startswith("/"), "a whole path"),
    "on_failure": (lambda value: value in ("pause", "skip", "undo"), "pause, skip or undo"),
}


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What a file says; `tenant` is an id. `request` are the values of a MigrateRequest, `rows` KIND/ID -> (action, target) as they were reviewed."""

    environment: str
    tenant: str
    name: str
    destination: str
    request: Mapping[str, Any]
    rows: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def write(
    path: Path,
    plan: "PlanView",
    *,
    environment: str,
    tenant: str,
    name: str,
    destination: str,
    request: Mapping[str, Any],
    overwrite: bool,
) -> None:
    """Write a plan.

    Raises:
        ConflictError: the file exists, and may hold somebody's work.
        InvalidInputError: it cannot be written, or the plan is none of a migration.
    """
    import yaml

    decided = plan.migration
    if decided is None:
        raise InvalidInputError(SAVE, str(path), "the server's plan has no digest: it is of another version")
    # what the operator has decided already, also beside kinds, then what is proposed, then what is open
    names: dict[str, dict[str, str | None]] = {k: dict(v) for k, v in (request.get("names") or {}).items()}
    for kind, known in decided.names.items():
        names[kind] = {**known, **names.get(kind, {})}
    for kind, open_names in decided.open_names.items():
        names.setdefault(kind, {}).update(dict.fromkeys(open_names))
    document = {
        "version": VERSION,
        "environment": environment,
        "tenant": tenant,
        "name": name,
        "destination": destination,
        "digest": decided.digest,
        "choices": {key: value for key, value in request.items() if key in _CHOICES},
        "names": names,
        "offered": {kind: list(offered) for kind, offered in decided.offered_names.items()},
        "resources": [_row(item) for item in plan.items],
        "findings": [f"{f.severity}: {f.subject}: {f.message}" for f in plan.findings],
    }
    head = _HEAD.format(environment=environment, name=_line(name), destination=destination, file=path)
    text = head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=160)
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConflictError(
            f"{path} exists already", hint="name another file with --save, or overwrite it with --yes"
        ) from error
    except OSError as error:
        raise InvalidInputError(SAVE, str(path), f"it cannot be written ({type(error).__name__})") from error


def read(path: Path) -> PlanFile:
    """What a plan file says.

    Raises:
        InvalidInputError: naming each wrong field with its value and the remedy.
    """
    document = load(PLAN, path)
    reading = Reading(PLAN, path)
    reading.unknown("field", document, _FIELDS)
    if document.get("version") != VERSION:
        reading.say("version", document.get("version"), f"must be {VERSION}")
    for key in _TEXTS:
        if not isinstance(document.get(key), str) or not document[key]:
            reading.say(key, document.get(key), "must be a text; put what looks like a number into quotes")
    choices = _choices(reading, document.get("choices"))
    names = reading.names("names", document.get("names") or {})
    rows = _rows(reading, document.get("resources"))
    reading.end()
    left = [key for key, (action, _) in rows.items() if action == Method.LEAVE]
    exclude = dict.fromkeys([*choices.pop("exclude", ()), *left])
    request = {**choices, "exclude": list(exclude), "names": names, "digest": document["digest"]}
    return PlanFile(
        document["environment"], document["tenant"], document["name"], document["destination"], request, rows
    )


def read_map(path: Path) -> Mapping[str, Mapping[str, str]]:
    """What a map file says: `names`: kind -> {name in the source: name in the destination}.

    Raises:
        InvalidInputError: naming each wrong field with its value and the remedy.
    """
    document = load(MAP, path)
    reading = Reading(MAP, path)
    reading.unknown("field", document, {"names", "version"})
    if "names" not in document:
        reading.say("names", None, "is missing: it maps kinds, such as external_network: {public: ext-a}")
    names = reading.names("names", document.get("names") or {})
    reading.end()
    return names


def changed(file: PlanFile, plan: "PlanView") -> list[str]:
    """What a plan made now would do otherwise than the reviewed file says, in sentences. What the operator has decided in the file itself is no change,
    nor what that has made possible.
    """
    found = []
    now = {item.id: item for item in plan.items}
    names: Mapping[str, Mapping[str, str]] = file.request["names"]
    for key, (action, target) in file.rows.items():
        item = now.get(key)
        if item is None:
            found.append(f"{key} is no longer in the source")
            continue
        decided = item.target and names.get(item.kind, {}).get(item.name) == item.target
        if action in STUCK and item.method not in STUCK and target in {"", item.target}:
            continue
        if item.method != action and not decided:
            found.append(f"{key} ({item.name}): the file says {action}, now it is {item.method}{f', because {item.reason}' if item.reason else ''}")  # fmt: skip
        elif item.target != target and (target or not decided):
            found.append(f"{key} ({item.name}): the file's target is {target!r}, now it is {item.target!r}; `names` decides what stands for what")  # fmt: skip
    found += [f"{key} ({now[key].name}) is new" for key in now if key not in file.rows]
    return found


def file_name(tenant: str, ending: str) -> str:
    """What the file of one of several tenants (ENV/TENANT) is called inside a directory: `acme@old.plan.yaml`. No two tenants get the same."""
    environment, _, name = tenant.partition("/")
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    mark = "" if safe == name else "-" + hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{safe}{mark}@{environment}.{ending}"


def _row(item: Any) -> dict[str, Any]:
    row = {
        "kind": item.kind,
        "name": item.name,
        "id": item.id.partition("/")[2],
        "action": item.method,
        "target": item.target,
    }
    return row | ({"size_bytes": item.size_bytes} if item.size_bytes else {}) | (
        {"reason": item.reason} if item.reason else {}
    )  # fmt: skip


def _choices(reading: Reading, value: Any) -> dict[str, Any]:
    """What is null, or left out, is left to the workflow."""
    if not isinstance(value, Mapping):
        reading.say("choices", value, "must be a mapping")
        return {}
    reading.unknown("choices", value, _CHOICES)
    found: dict[str, Any] = {}
    for key, chosen in value.items():
        if chosen is None or key not in _CHOICES:
            continue
        if key in _LISTS:
            found[key] = reading.texts(f"choices.{key}", chosen)
            continue
        fits, what = _RULES.get(key, _FLAG)
        if not fits(chosen):
            reading.say(f"choices.{key}", chosen, f"must be {what}")
        found[key] = chosen
    return found


def _rows(reading: Reading, value: Any) -> dict[str, tuple[str, str]]:
    if not isinstance(value, list):
        reading.say("resources", value, "must be a list of resources")
        return {}
    found: dict[str, tuple[str, str]] = {}
    for number, row in enumerate(value, 1):
        where = f"resources[{number}]"
        if not isinstance(row, Mapping):
            reading.say(where, row, "must be a mapping with kind, name, id, action and target")
            continue
        where += f" ({row.get('kind')} {row.get('name') or row.get('id')})"
        reading.unknown(where, row, _ROW)
        key = _key(reading, where, row)
        if key in found:
            reading.say(where, row.get("id"), "is there twice")
        found[key] = (str(row.get("action")), str(row.get("target") or ""))
    return found


def _key(reading: Reading, where: str, row: Mapping[str, Any]) -> str:
    reading.unknown(f"{where}: kind", [row.get("kind")], list(ResourceKind))
    if not isinstance(row.get("id"), str) or not row["id"]:
        reading.say(f"{where}: id", row.get("id"), "must be the id in the source, a text")
    _one_of(reading, f"{where}: action", row.get("action"), list(Method))
    if not isinstance(row.get("target", ""), str):
        reading.say(f"{where}: target", row.get("target"), "must be a text")
    return f"{row.get('kind')}/{row.get('id')}"


def _one_of(reading: Reading, where: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        reading.say(
            where, value, f"must stay as it was written, or be {Method.LEAVE}; known are: {', '.join(known)}"
        )


def _line(text: str) -> str:
    """A name from a cloud in a comment must not end it."""
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", " ", text)
