"""How a cloud is reached: a clouds.yaml entry read into `CloudSettings`, and back from the sealed JSON. `main` calls it for each environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pumphouse.domain.errors import InvalidInputError
from pumphouse.drivers.openstack.sdk_config import sdk_config

_NEEDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "password": (("auth_url",), ("username", "user_id"), ("password",)),
    "v3password": (("auth_url",), ("username", "user_id"), ("password",)),
    "v3applicationcredential": (
        ("auth_url",),
        ("application_credential_id", "application_credential_name"),
        ("application_credential_secret",),
    ),
    "token": (("auth_url",), ("token",)),
    "v3token": (("auth_url",), ("token",)),
}
"""What each kind of authentication cannot do without; any name of an inner tuple will do. Other kinds are checked by keystoneauth."""

_SCOPES = ("project_id", "project_name", "system_scope", "domain_id", "domain_name", "trust_id")
_INTERFACES = ("public", "internal", "admin")


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """Everything needed to speak to one cloud. `auth` holds the secrets and never appears in `repr`.

    Timeouts are in seconds: `connect_s` and `read_s` per request; `read_deadline_s` is how long a failing read is tried again in all;
    `concurrency` bounds the requests in flight from one list or look-up.
    """

    cloud: str
    auth_type: str
    auth: Mapping[str, Any] = field(repr=False)
    region: str | None = None
    interface: str = "public"
    verify: bool = True
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    endpoint_overrides: Mapping[str, str] = field(default_factory=dict)
    connect_s: float = 5.0
    read_s: float = 60.0
    read_deadline_s: float = 30.0
    concurrency: int = 8

    def to_json(self) -> str:
        """The settings with their secrets as JSON, only ever to be handed to the secrets port for sealing."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return json.dumps({"version": 1, **fields}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "CloudSettings":
        """What `to_json` wrote.

        Raises:
            InvalidInputError: it is not that; the text itself is not repeated, as it holds secrets.
        """
        try:
            fields = json.loads(text)
            del fields["version"]  # 1 until a field changes its meaning
            return cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidInputError(
                "cloud settings",
                "(sealed)",
                "they cannot be read",
                hint="add the environment's access again with `pumphouse env add`",
            ) from error


def load_entry(cloud: str, config_file: str | None = None) -> CloudSettings:
    """Read the entry `cloud` of a clouds.yaml; without `config_file` where OpenStack's own tools look for it.

    A `secure.yaml` beside the file is merged in, as those tools do. OS_* variables of our own environment are left out, so that the
    result is what the file says.

    Raises:
        InvalidInputError: the file, the entry or a part of it is missing or wrong; says which and what would be right.
    """
    return settings_of(f"clouds.yaml entry {cloud}", cloud, _read_entry(cloud, config_file))


def settings_of(where: str, cloud: str, entry: Mapping[str, Any]) -> CloudSettings:
    """The settings that an entry of the shape of clouds.yaml tells; `where` names it in errors.

    Raises:
        InvalidInputError: a part of it is missing or wrong; says which and what would be right.
    """
    auth = entry.get("auth")
    if not isinstance(auth, dict) or not auth:
        raise InvalidInputError(
            f"{where}: auth", auth, "missing", hint="give it auth_url, username, password and project_name"
        )
    auth_type = str(entry.get("auth_type") or "password")
    auth = {name: value for name, value in auth.items() if value is not None}
    _check_auth(where, auth_type, auth)
    interface = str(entry.get("interface") or "public").removesuffix("URL")
    if interface not in _INTERFACES:
        raise InvalidInputError(
            f"{where}: interface", interface, "not an interface", hint=f"use one of {', '.join(_INTERFACES)}"
        )
    timeout_s = _seconds(where, entry.get("api_timeout"))
    return CloudSettings(
        cloud=cloud,
        auth_type=auth_type,
        auth=auth,
        region=entry.get("region_name") or None,
        interface=interface,
        verify=_verify(where, entry),
        cacert=_existing(where, "cacert", entry.get("cacert")),
        cert=_existing(where, "cert", entry.get("cert")),
        key=_existing(where, "key", entry.get("key")),
        endpoint_overrides=_overrides(entry),
        read_s=timeout_s or 60.0,
    )


def _read_entry(cloud: str, config_file: str | None) -> dict[str, Any]:
    import yaml

    sdk = sdk_config()
    from openstack.exceptions import ConfigException

    files: dict[str, Any] = {}
    if config_file is not None:
        path = Path(config_file).expanduser()
        if not path.is_file():
            raise InvalidInputError(
                "config file", config_file, "there is no such file", hint="give the path of a clouds.yaml"
            )
        files = {"config_files": [str(path)], "secure_files": [str(path.with_name("secure.yaml"))]}
    try:
        config = sdk.OpenStackConfig(load_envvars=False, **files)
    except OSError as error:
        raise InvalidInputError("config file", config_file, f"it cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ConfigException, AttributeError, TypeError) as error:
        # a parser's message may quote a line with a password in it: only the place is told
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark is not None else ""
        raise InvalidInputError(
            "config file", config_file, f"it is not valid YAML of a clouds.yaml{place}"
        ) from error
    known = sorted(config.cloud_config.get("clouds") or {})
    if cloud not in known:
        found = config.config_filename or config_file or "any clouds.yaml"
        hint = f"known entries in {found}: {', '.join(known)}" if known else f"no entries found in {found}"
        raise InvalidInputError("cloud", cloud, "clouds.yaml has no such entry", hint=hint)
    try:
        return dict(config.get_one(cloud, validate=False).config)
    except (ConfigException, AttributeError, TypeError, ValueError) as error:
        # only openstacksdk's own errors are known not to quote any value of the entry
        words = error if isinstance(error, ConfigException) else type(error).__name__
        raise InvalidInputError(f"clouds.yaml entry {cloud}", cloud, f"it cannot be used: {words}") from error


def _check_auth(where: str, auth_type: str, auth: Mapping[str, Any]) -> None:
    for names in _NEEDS.get(auth_type, (("auth_url",),)):
        if not any(auth.get(name) for name in names):
            raise InvalidInputError(
                f"{where}: auth.{names[0]}", None, "missing", hint=f"add {' or '.join(names)} under auth"
            )
    url = str(auth.get("auth_url", ""))
    if not url.startswith(("http://", "https://")):
        raise InvalidInputError(
            f"{where}: auth.auth_url", url, "not a URL", hint="for instance https://cloud.example.org:5000/v3"
        )
    if auth_type in {"password", "v3password", "token", "v3token"} and not any(
        auth.get(name) for name in _SCOPES
    ):
        raise InvalidInputError(
            f"{where}: auth.project_name",
            None,
            "missing",
            hint="add the admin project, e.g. project_name: admin",
        )


def _verify(where: str, entry: Mapping[str, Any]) -> bool:
    verify = entry.get("verify", True)
    if not isinstance(verify, bool):
        raise InvalidInputError(
            f"{where}: verify",
            verify,
            "not a truth value",
            hint="use true or false; a CA file goes to cacert",
        )
    return verify


def _existing(where: str, name: str, value: object) -> str | None:
    if not value:
        return None
    path = Path(str(value)).expanduser()
    if not path.exists():
        raise InvalidInputError(
            f"{where}: {name}", str(value), "there is no such file", hint=f"correct the path of {name}"
        )
    return str(path)


def _seconds(where: str, value: object) -> float | None:
    if value in (None, ""):
        return None
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise InvalidInputError(
            f"{where}: api_timeout", value, "not a number of seconds above zero", hint="for instance 60"
        )
    return seconds


def _overrides(entry: Mapping[str, Any]) -> dict[str, str]:
    suffix = "_endpoint_override"
    return {
        name.removesuffix(suffix).replace("_", "-"): str(url)
        for name, url in entry.items()
        if name.endswith(suffix) and url
    }
