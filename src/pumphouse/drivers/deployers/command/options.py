"""The options of the `command` deployer, checked once when the driver is made; kept with the environment as plain JSON."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pumphouse.domain.errors import InvalidInputError
from pumphouse.ports.deployer import Role

ACTIONS = ("take_down", "install", "state", "validate", "register", "unregister", "policy", "environments")
REQUIRED = ("take_down", "install", "state")
VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """`commands` maps an action to the argument list of its script; times are seconds. `policy` and `environments` are no actions on a node: their
    scripts are called with a verb and a service, or a name (docs/contracts/deployer.md).

    `env` is set for the scripts; `pass_env` names variables of our own environment that they also get, which is where secrets belong:
    their values are blotted out wherever they turn up. `site` is handed on to the scripts as it is.
    """

    commands: Mapping[str, tuple[str, ...]]
    roles: frozenset[Role] = frozenset({Role.COMPUTE})
    reinstalls_removed: bool = False
    timeout_s: float = 3600.0
    question_timeout_s: float = 30.0
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    pass_env: tuple[str, ...] = ()
    directory: str | None = None
    lock_dir: str | None = None
    site: Mapping[str, Any] = field(default_factory=dict, repr=False)


def parse_options(options: Mapping[str, Any]) -> CommandOptions:
    """Check what the operator wrote.

    Raises:
        InvalidInputError: naming the option.
    """
    known = {
        *ACTIONS,
        "roles",
        "reinstalls_removed",
        "timeout_s",
        "question_timeout_s",
        "env",
        "pass_env",
        "directory",
        "lock_dir",
        "options",
    }
    for name in options:
        if name not in known:
            raise _wrong(
                name,
                options[name],
                "is not an option of this deployer",
                f"Known: {', '.join(sorted(known))}.",
            )
    for name in REQUIRED:
        if name not in options:
            raise _wrong(
                name, None, "is missing", 'Give the script as a list: ["/opt/site/script", "--flag"].'
            )
    return CommandOptions(
        commands={a: _argv(a, options[a]) for a in ACTIONS if a in options},
        roles=_roles(options.get("roles", ["compute"])),
        reinstalls_removed=_flag("reinstalls_removed", options.get("reinstalls_removed", False)),
        timeout_s=_seconds("timeout_s", options.get("timeout_s", 3600)),
        question_timeout_s=_seconds("question_timeout_s", options.get("question_timeout_s", 30)),
        env=_env(options.get("env", {})),
        pass_env=_names(options.get("pass_env", [])),
        directory=_text("directory", options.get("directory")),
        lock_dir=_text("lock_dir", options.get("lock_dir")),
        site=_mapping("options", options.get("options", {})),
    )


def _argv(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise _wrong(
            name, value, "is not a list of arguments", 'No shell is used: ["/opt/site/script", "--flag"].'
        )
    for part in value:
        if not isinstance(part, str) or "\0" in part:
            raise _wrong(
                name, value, "has an argument that is not a text", 'Write numbers in quotes: ["script", "8"].'
            )
    if not value[0]:
        raise _wrong(name, value, "names no program", "The first argument is the program's path.")
    return tuple(value)


def _roles(value: object) -> frozenset[Role]:
    known = ", ".join(Role)
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise _wrong("roles", value, "is not a list of roles", f"Roles: {known}.")
    try:
        return frozenset(Role(v) for v in value)
    except ValueError:
        # it repeats the value, which may be a secret in the wrong place
        raise _wrong("roles", value, "has an unknown role", f"Roles: {known}.") from None


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, value, "is neither true nor false", "Write true or false without quotes.")
    return value


def _seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 7 * 86400:
        raise _wrong(
            name,
            value,
            "is not a number of seconds",
            "Use more than 0 and at most a week, for instance 3600.",
        )
    return float(value)


def _env(value: object) -> dict[str, str]:
    for key, text in _mapping("env", value).items():
        if not VARIABLE.match(key) or not isinstance(text, str) or "\0" in text:
            raise _wrong(
                f"env.{key}",
                text,
                "is not a variable with a text",
                "Write names as A_B1 and values in quotes.",
            )
    return dict(_mapping("env", value))


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _wrong("pass_env", value, "is not a list of names", 'For instance ["SITE_TOKEN"].')
    for name in value:
        if not isinstance(name, str) or not VARIABLE.match(name):
            raise _wrong(
                "pass_env", value, "has a name that no variable can have", 'For instance ["SITE_TOKEN"].'
            )
    return tuple(value)


def _text(name: str, value: object) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise _wrong(name, value, "is not a path", "For instance /opt/site.")
    return value


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or any(not isinstance(k, str) for k in value):
        raise _wrong(name, value, "is not a mapping of names to values", 'For instance {"RACK": "7"}.')
    return value


def _wrong(name: str, value: object, message: str, hint: str) -> InvalidInputError:
    """InvalidInputError tells no value of a deployer's option, only of what kind it is."""
    return InvalidInputError(f"deployer_options.{name}", value, message, hint=hint)
