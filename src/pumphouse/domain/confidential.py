"""What must not be shown: which names sound like a secret, and how values, texts and options are told without it. Used by errors.py, the
views of the wire and whoever stores options.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MASK = "***"
SEALED = "$sealed"
"""The only key of a mapping that stands for a sealed value."""

_NAME = re.compile(
    r"pass(?!_env\b)|pwd|secret|token|key|credential|authori[sz]ation|\bauth\b|_auth$|cookie|private",
    re.IGNORECASE,
)
_PLACE = re.compile(r"(file|path|dir|directory)$", re.IGNORECASE)
_OPTION = re.compile(r"^-{1,2}([\w-]+)(=.*)?$", re.DOTALL)
_VALUE_LOGIN = re.compile(r"(?<=://).*@", re.DOTALL)
_LOGIN = re.compile(r"(?<=://)\S*@")
# also without a scheme, or with a mistyped one: that is when a URL is wrong and would be repeated
_BARE_LOGIN = re.compile(r"[^\s:/@\"'(]+:(?!//\*\*\*@)[^\s@]+@")
_ASSIGNED = re.compile(
    r"([\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|credential)[\w-]*=)[^\s&]+", re.IGNORECASE
)


def is_secret_name(name: str) -> bool:
    """Whether what is called so is, or may hold, a secret; the place of a file is none."""
    return bool(_NAME.search(name)) and not _PLACE.search(name)


def without_logins(text: str) -> str:
    """A text for people without the logins of its URLs (`user:password@`, `token@`) and without `password=...`."""
    return _ASSIGNED.sub(rf"\1{MASK}", _BARE_LOGIN.sub(f"{MASK}@", _LOGIN.sub(f"{MASK}@", text)))


def plain(value: str) -> str:
    """One value without logins; unlike in a text, blanks do not end it."""
    return without_logins(_VALUE_LOGIN.sub(f"{MASK}@", value))


def described(value: object) -> str:
    """Of what kind a value is, and how long, without the value."""
    match value:
        case None:
            return "nothing"
        case str():
            return f"a text of {len(value)} characters"
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case Mapping():
            return f"a mapping of {len(value)}"
        case list() | tuple() | set() | frozenset():
            return f"a list of {len(value)}"
        case _:
            return f"a {type(value).__name__}"


def clean(value: Any) -> Any:
    """Discovered facts: every URL in them without its login."""
    match value:
        case str():
            return _LOGIN.sub(f"{MASK}@", value)
        case Mapping():
            return {name: clean(inner) for name, inner in value.items()}
        case list() | tuple():
            return [clean(inner) for inner in value]
        case _:
            return value


def masked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they may be shown: secrets, at every depth, are `MASK`."""
    return {name: _changed(name, value, lambda _: MASK, lambda _: MASK) for name, value in options.items()}


def sealed(options: Mapping[str, Any], seal: Callable[[str], str]) -> dict[str, Any]:
    """Options as they may be stored: each secret is `{"$sealed": TEXT}`; what is sealed already stays as it is."""

    def lock(value: Any) -> Any:
        return {SEALED: seal(json.dumps(value))}

    return {name: _changed(name, value, lock, lambda s: s) for name, value in options.items()}


def unsealed(options: Mapping[str, Any], unseal: Callable[[str], str]) -> dict[str, Any]:
    """What `sealed` was given. Options that were stored in clear stay as they are."""

    def walk(value: Any) -> Any:
        if is_sealed(value):
            return json.loads(unseal(value[SEALED]))
        if isinstance(value, Mapping):
            return {name: walk(inner) for name, inner in value.items()}
        return [walk(inner) for inner in value] if isinstance(value, list | tuple) else value

    return {name: walk(value) for name, value in options.items()}


def is_sealed(value: object) -> bool:
    """Whether it stands for a sealed value."""
    return isinstance(value, Mapping) and set(value) == {SEALED}


def holds(value: object, wanted: Callable[[object], bool]) -> bool:
    """Whether `value`, or anything in it, is wanted."""
    if wanted(value):
        return True
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(holds(one, wanted) for one in inner)


def _changed(
    name: str,
    value: Any,
    change: Callable[[Any], Any],
    change_sealed: Callable[[Any], Any],
    *,
    secret: bool = False,
) -> Any:
    secret = secret or is_secret_name(name)
    if is_sealed(value):
        return change_sealed(value)
    match value:
        case Mapping():
            return {n: _changed(str(n), v, change, change_sealed, secret=secret) for n, v in value.items()}
        case list() | tuple():
            return _changed_list(value, change, change_sealed, secret=secret)
        case bool() | None:
            return value  # too little to be a secret
        case str():
            return change(value) if value and (secret or _says_secret(value)) else value
        case _:
            return change(value) if secret else value


def _changed_list(
    values: Sequence[Any], change: Callable[[Any], Any], change_sealed: Callable[[Any], Any], *, secret: bool
) -> list[Any]:
    """Also argument lists: what follows `--password` is one."""
    changed = []
    follows = False
    for value in values:
        changed.append(_changed("", value, change, change_sealed, secret=secret or follows))
        option = _OPTION.match(value) if isinstance(value, str) else None
        follows = option is not None and option[2] is None and is_secret_name(option[1])
    return changed


def _says_secret(text: str) -> bool:
    option = _OPTION.match(text)
    given = option is not None and option[2] is not None and is_secret_name(option[1])
    return given or plain(text) != text
