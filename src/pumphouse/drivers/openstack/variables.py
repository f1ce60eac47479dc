"""How a cloud is reached as OS_* variables tell it, of an openrc file or a shell; drivers/entries.py calls it. Errors name the variables."""

from collections.abc import Mapping
from typing import Any, Final

from pumphouse.domain.confidential import is_secret_name
from pumphouse.domain.errors import InvalidInputError
from pumphouse.drivers.openstack.access import CloudSettings, settings_of

_FORMER: Final[Mapping[str, str]] = {
    "OS_TENANT_NAME": "OS_PROJECT_NAME",
    "OS_TENANT_ID": "OS_PROJECT_ID",
    "OS_ENDPOINT_TYPE": "OS_INTERFACE",
}
_AUTH: Final = (
    "AUTH_URL", "USERNAME", "USER_ID", "PASSWORD", "TOKEN", "PROJECT_NAME", "PROJECT_ID", "USER_DOMAIN_NAME", "USER_DOMAIN_ID", "PROJECT_DOMAIN_NAME",
    "PROJECT_DOMAIN_ID", "DEFAULT_DOMAIN", "DEFAULT_DOMAIN_ID", "DEFAULT_DOMAIN_NAME", "DOMAIN_NAME", "DOMAIN_ID", "SYSTEM_SCOPE", "TRUST_ID",
    "APPLICATION_CREDENTIAL_ID", "APPLICATION_CREDENTIAL_NAME", "APPLICATION_CREDENTIAL_SECRET",
)  # fmt: skip
_KINDS: Final = ("password", "v3password", "v3applicationcredential", "token", "v3token")
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off", ""})


def settings_from(name: str, variables: Mapping[str, str]) -> CloudSettings:
    """The settings of the cloud called `name`. An empty variable is as good as none; those that we do not use are passed over.

    Raises:
        InvalidInputError: one is missing or wrong; names the variable and the remedy, and never repeats a secret.
    """
    given = {key: value.strip() for key, value in variables.items() if value.strip()}
    for former, key in _FORMER.items():
        if former in given:
            given.setdefault(key, given[former])
    _check_version(given)
    kind = _kind(given)
    _check(given, kind)
    auth: dict[str, Any] = {part.lower(): given[f"OS_{part}"] for part in _AUTH if f"OS_{part}" in given}
    default = auth.pop("default_domain", None) or auth.pop("default_domain_id", None)
    if default is not None:
        auth["default_domain_id"] = default
    if kind == "v3applicationcredential":
        # the credential is of one project: Keystone refuses a scope beside it
        auth = {part: value for part, value in auth.items() if not part.startswith(("project_", "domain_"))}
    entry = {
        "auth_type": kind,
        "auth": auth,
        "region_name": given.get("OS_REGION_NAME"),
        "interface": given.get("OS_INTERFACE"),
        "verify": not _truth(given, "OS_INSECURE"),
        **{part: given.get(f"OS_{part.upper()}") for part in ("cacert", "cert", "key")},
    }
    return settings_of("OS_ variables", name, entry)


def _check_version(given: Mapping[str, str]) -> None:
    version = given.get("OS_IDENTITY_API_VERSION", "3")
    if version.split(".")[0] != "3":
        raise InvalidInputError(
            "OS_IDENTITY_API_VERSION",
            version,
            "only version 3 of the identity API is spoken",
            hint="export OS_IDENTITY_API_VERSION=3, with an OS_AUTH_URL that ends in /v3",
        )


def _kind(given: Mapping[str, str]) -> str:
    named = given.get("OS_AUTH_TYPE")
    if named is None:
        if "OS_APPLICATION_CREDENTIAL_ID" in given or "OS_APPLICATION_CREDENTIAL_NAME" in given:
            return "v3applicationcredential"
        return "token" if "OS_TOKEN" in given and "OS_PASSWORD" not in given else "password"
    if named not in _KINDS:
        raise InvalidInputError(
            "OS_AUTH_TYPE",
            named,
            "cannot be used from variables",
            hint=f"one of {', '.join(_KINDS)}; others from a clouds.yaml entry (--cloud)",
        )
    return named


def _check(given: Mapping[str, str], kind: str) -> None:
    url = _needed(given, "https://cloud.example.org:5000/v3", "OS_AUTH_URL")
    if not url.startswith(("http://", "https://")):
        raise InvalidInputError(
            "OS_AUTH_URL", url, "not a URL", hint="for instance https://cloud.example.org:5000/v3"
        )
    if url.rstrip("/").endswith("/v2.0"):
        raise InvalidInputError(
            "OS_AUTH_URL", url, "version 2.0 of the identity API is gone", hint="let it end in /v3"
        )
    if kind == "v3applicationcredential":
        _needed(given, "the id", "OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME")
        _needed(given, "the secret", "OS_APPLICATION_CREDENTIAL_SECRET")
        return
    if kind.endswith("token"):
        _needed(given, "the token", "OS_TOKEN")
    else:
        _needed(given, "admin", "OS_USERNAME", "OS_USER_ID")
        _needed(given, "the password", "OS_PASSWORD")
        if "OS_USER_ID" not in given:
            _needed(given, "Default", "OS_USER_DOMAIN_NAME", "OS_USER_DOMAIN_ID", *_DEFAULTS)
    _needed(
        given, "admin", "OS_PROJECT_NAME", "OS_PROJECT_ID", "OS_SYSTEM_SCOPE", "OS_DOMAIN_NAME", "OS_DOMAIN_ID", "OS_TRUST_ID"
    )  # fmt: skip
    if "OS_PROJECT_NAME" in given and "OS_PROJECT_ID" not in given:
        _needed(given, "Default", "OS_PROJECT_DOMAIN_NAME", "OS_PROJECT_DOMAIN_ID", *_DEFAULTS)


_DEFAULTS: Final = ("OS_DEFAULT_DOMAIN", "OS_DEFAULT_DOMAIN_ID", "OS_DEFAULT_DOMAIN_NAME")


def _needed(given: Mapping[str, str], example: str, *names: str) -> str:
    """The first that is given of those of which one is needed."""
    for name in names:
        if name in given:
            return given[name]
    others = f" (or {', '.join(names[1:3])})" if len(names) > 1 else ""
    what = (
        f"set {names[0]}, {example}" if is_secret_name(names[0]) else f"export {names[0]}={example}{others}"
    )
    raise InvalidInputError(names[0], None, "missing", hint=what)


def _truth(given: Mapping[str, str], name: str) -> bool:
    value = given.get(name, "").lower()
    if value not in _TRUE | _FALSE:
        raise InvalidInputError(name, given[name], "not a truth value", hint="use true or false")
    return value in _TRUE
