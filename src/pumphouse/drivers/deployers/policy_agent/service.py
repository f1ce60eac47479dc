"""One service as its own code sees it: its configuration, its rules, who asks them. Used by `__main__`, `judging` and `placing`."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any, Iterator  # noqa: UP035 - Python 3.8

from placing import version
from refusal import Refusal

RULES = {
    "nova": "nova.policy",
    "neutron": "neutron.policy",
    "cinder": "cinder.policy",
    "glance": "glance.api.policy",
    "keystone": "keystone.common.rbac_enforcer.policy",
}
CONTEXTS = {
    "nova": ("nova.context", "RequestContext"),
    "neutron": ("neutron_lib.context", "Context"),
    "cinder": ("cinder.context", "RequestContext"),
    "glance": ("glance.context", "RequestContext"),
}
"""What each service makes of a token before it asks its rules; Keystone asks them about the token itself."""
_NOBODY = {
    "name": "",
    "roles": [],
    "user_id": "u",
    "project_id": "p",
    "project_name": "n",
    "project_domain_id": "d",
}


class Service:
    """One service with its configuration and its rules, as its own processes have them."""

    def __init__(self, name: str, files: list[str], directories: list[str], our_file: str) -> None:
        self.name = name
        self.conf = importlib.import_module("oslo_config.cfg").CONF
        self.oslo = importlib.import_module("oslo_policy.policy")
        self.parser = importlib.import_module("oslo_policy._parser")
        self.checks = importlib.import_module("oslo_policy._checks")
        if name == "keystone":
            importlib.import_module("keystone.conf").configure()
            _call(importlib.import_module("keystone.conf"), "set_external_opts_default")
            _call(importlib.import_module("keystone.conf"), "set_config_defaults")
        self.module = importlib.import_module(RULES[name])
        arguments = [f"--config-file={f}" for f in files] + [f"--config-dir={d}" for d in directories]
        self.conf(arguments, project=name)
        self.oslo.opts._register(self.conf)  # noqa: SLF001 - glance does so only when it makes an enforcer
        self.first_file = files[0] if files else ""
        self.directory = self._our_directory()
        self.file = self.directory / our_file
        self.enforcer: Any = None

    def load(self) -> None:
        """The service's rules over what its configuration names now."""
        if self.name == "glance":
            self.enforcer = self.module.Enforcer(suppress_deprecation_warnings=True)
        elif self.name == "keystone":
            self.module._ENFORCER.suppress_deprecation_warnings = True  # noqa: SLF001
            self.enforcer = self.module._ENFORCER._enforcer  # noqa: SLF001 - there is no other door
        else:
            self.module.init(suppress_deprecation_warnings=True)
            self.enforcer = self.module._ENFORCER  # noqa: SLF001
        self.enforcer.load_rules()

    def _our_directory(self) -> Path:
        """The last directory for overrides, so that nothing is read after ours; one that is missing is where the service would look."""
        path = self.conf.oslo_policy.policy_dirs[-1]
        found = self.conf.find_file(path)
        return Path(found) if found else Path(self.first_file or "/").parent / path

    def text(self) -> str:
        return self.file.read_text(encoding="utf-8") if self.file.exists() else ""

    # -- view

    def view(self) -> dict[str, Any]:
        self.load()
        theirs = self._overrides()
        return {
            "service": self.name,
            "rules": [_rule(r) for r in self.enforcer.registered_rules.values()],
            "overrides": {**theirs, **self._by_former_names(theirs)},
            "new_defaults": bool(self.conf.oslo_policy.enforce_new_defaults),
            "credentials": self._credentials(),
            "keeps_removed": not self.enforcer.overwrite,
            "ours": self.text(),
            "version": version(self.text()),
            "token_cache_s": self._token_cache(),
            "where": str(self.file),
        }

    def _overrides(self) -> dict[str, str]:
        """The operator's own rules, in the order in which the service reads them."""
        files = [Path(self.enforcer.policy_path)] if self.enforcer.policy_path else []
        for directory in self.conf.oslo_policy.policy_dirs:
            found = self.conf.find_file(directory)
            if found:
                # as oslo.policy walks it
                files += sorted(
                    p for p in Path(found).iterdir() if p.is_file() and not p.name.startswith(".")
                )
        after = [p for p in files if p.parent == self.directory and p.name > self.file.name]
        if after:
            raise Refusal(
                "invalid", f"{after[0]} is read after {self.file.name} and would override it: rename it"
            )
        rules: dict[str, str] = {}
        for path in files:
            if path != self.file:
                found = self.oslo.parse_file_contents(path.read_text(encoding="utf-8"))
                rules.update({name: self._as_text(rule) for name, rule in found.items()})
        return rules

    def _as_text(self, rule: Any) -> str:
        if isinstance(rule, str):
            return rule
        ways = [[way] if isinstance(way, str) else list(way) for way in rule if way]
        return " or ".join("(" + " and ".join(f"({part})" for part in way) + ")" for way in ways) or (
            "!" if rule else "@"
        )

    def _by_former_names(self, theirs: dict[str, str]) -> dict[str, str]:
        """Overrides under a rule's former name, which oslo.policy heeds for the present one (Enforcer._handle_deprecated_rule)."""
        found = {}
        for rule in self.enforcer.registered_rules.values():
            former = rule.deprecated_rule
            if not former or former.name == rule.name or rule.name in theirs or former.name not in theirs:
                continue
            check = self.parser.parse_rule(theirs[former.name])
            if str(check) not in (str(former.check), f"rule:{rule.name}"):
                found[rule.name] = theirs[former.name]
        return found

    def _credentials(self) -> list[str]:
        """What a rule can compare with a literal about the one who asks: not what the service has a check of its own for."""
        own = {*self.checks.registered_checks, *_extension_checks(self.checks)}
        return sorted(key for key in self.asker(_NOBODY) if key not in own)

    def _token_cache(self) -> int | None:
        if self.name == "keystone":
            if not (self.conf.cache.enabled and self.conf.token.caching):
                return 0
            return int(self.conf.token.cache_time or self.conf.cache.expiration_time)
        for group, options in importlib.import_module("keystonemiddleware.opts").list_auth_token_opts():
            self.conf.register_opts(options, group=group)
        return max(0, int(self.conf.keystone_authtoken.token_cache_time))

    # -- who asks

    def asker(self, persona: dict[str, Any]) -> dict[str, Any]:
        """The credentials that this service's rules see for a token of the persona."""
        if self.name == "keystone":
            return {
                "user_id": persona["user_id"], "user_domain_id": persona["project_domain_id"], "project_id": persona["project_id"],
                "project_domain_id": persona["project_domain_id"], "roles": list(persona["roles"]), "domain_id": None,
                "is_delegated_auth": False, "trust_id": None, "trustor_id": None, "trustee_id": None, "group_ids": [],
                "service_roles": list(persona.get("service_roles") or []),
            }  # fmt: skip
        module, name = CONTEXTS[self.name]
        context = getattr(importlib.import_module(module), name).from_environ(
            {
                "HTTP_X_USER_ID": persona["user_id"],
                "HTTP_X_PROJECT_ID": persona["project_id"],
                "HTTP_X_PROJECT_NAME": persona["project_name"],
                "HTTP_X_USER_DOMAIN_ID": persona["project_domain_id"],
                "HTTP_X_PROJECT_DOMAIN_ID": persona["project_domain_id"],
                "HTTP_X_ROLES": ",".join(persona["roles"]),
                "HTTP_X_SERVICE_ROLES": ",".join(persona.get("service_roles") or []),
            }
        )
        return dict(context.to_policy_values())

    # -- validate

    def validate(self, text: str) -> None:
        """Raises Refusal for a text that would deny everybody something, or that the service would stumble over."""
        if self.enforcer is None:
            self.load()
        try:
            found = importlib.import_module("yaml").safe_load(text)
        except Exception as exc:
            raise Refusal("invalid", f"it is not YAML: {str(exc)[:300]}") from exc
        if not isinstance(found, dict) or not found:
            raise Refusal("invalid", "it is not a mapping of rules to checks")
        known = {*found, *self.enforcer.registered_rules, *self.enforcer.rules}
        for name, rule in found.items():
            if not isinstance(name, str) or not _is_rule(rule):
                raise Refusal("invalid", f"{name!r} is not a name with a check")
            self._validate_rule(name, rule, known)

    def _validate_rule(self, name: str, rule: Any, known: set[str]) -> None:
        try:
            check = self.parser.parse_rule(rule)
        except Exception as exc:
            raise Refusal("invalid", f"{self.name} does not take the rule {name}: {str(exc)[:300]}") from exc
        parts = list(_parts(check))
        # a part that cannot be understood becomes one that denies; those that are meant to are written `!`
        meant = (
            len(re.findall(r"(?:^|[\s(])!(?=$|[\s)])", rule))
            if isinstance(rule, str)
            else str(rule).count("'!'")
        )
        if sum(isinstance(p, self.checks.FalseCheck) for p in parts) != meant:
            raise Refusal(
                "invalid", f"the rule {name} cannot be parsed and would deny everybody: {str(rule)[:200]}"
            )
        for part in parts:
            if isinstance(part, self.checks.RuleCheck) and part.match not in known:
                raise Refusal(
                    "invalid",
                    f"the rule {name} names {part.match}, which does not exist: it would deny everybody",
                )


def _rule(rule: Any) -> dict[str, Any]:
    pairs = [(m, o["path"]) for o in getattr(rule, "operations", None) or [] for m in _methods(o["method"])]
    former = rule.deprecated_rule  # nothing is None or an empty list
    return {
        "name": rule.name,
        "check": str(rule.check_str),
        "deprecated": [str(former.check_str)] if former and former.check_str != rule.check_str else [],
        "former_name": former.name if former and former.name != rule.name else "",
        "methods": [m for m, _ in pairs],
        "paths": [p for _, p in pairs],
    }


def _methods(told: Any) -> list[str]:
    return [m.upper() for m in (told if isinstance(told, (list, tuple)) else re.split(r"[\s,/|]+", told))]


def _parts(check: Any) -> Iterator[Any]:
    yield check
    for part in getattr(check, "rules", None) or ([check.rule] if hasattr(check, "rule") else []):
        yield from _parts(part)


def _is_rule(rule: Any) -> bool:
    """A text, or the old form of lists (any of all of these): a part with a blank can be said in no other way."""
    if isinstance(rule, str):
        return True
    return isinstance(rule, list) and bool(rule) and all(
        isinstance(way, list) and way and all(isinstance(part, str) for part in way) for way in rule
    )  # fmt: skip


def _extension_checks(checks: Any) -> list[str]:
    return (
        list(checks.get_extensions())
        if hasattr(checks, "get_extensions")
        else list(checks.extension_checks or [])
    )


def _call(module: Any, name: str) -> None:
    if hasattr(module, name):
        getattr(module, name)()
