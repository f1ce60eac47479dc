"""Whom a service's rules let through, tried offline with personas by its own code. Used by `__main__`."""

from __future__ import annotations

import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator  # noqa: UP035 - Python 3.8

if TYPE_CHECKING:
    from service import Service

_NAMED = re.compile(r"%\((.+?)\)s")


def judge(service: Service, personas: list[dict[str, Any]], text: str | None) -> dict[str, dict[str, bool]]:
    if text:
        service.validate(text)
    with _instead(service, text):
        service.load()
        # before each rule it would look for all its files anew, which is most of the time that this takes
        service.enforcer.use_conf = False
        names = list(service.enforcer.registered_rules)
        keys = _target_keys(service)
        return {p["name"]: _passes(service, p, names, keys) for p in personas}


@contextmanager
def _instead(service: Service, text: str | None) -> Iterator[None]:
    """The directory for overrides with another text for our file; only this process sees it."""
    if text is None:
        yield
        return
    directories = [d for d in (service.conf.find_file(d) for d in service.conf.oslo_policy.policy_dirs) if d]
    with tempfile.TemporaryDirectory() as copy:
        if service.directory.is_dir():
            for path in service.directory.iterdir():
                if path.is_file() and path != service.file:
                    (Path(copy) / path.name).write_bytes(path.read_bytes())
        if text:
            (Path(copy) / service.file.name).write_text(text, encoding="utf-8")
        others = [d for d in directories if Path(d) != service.directory]
        service.conf.set_override("policy_dirs", [*others, copy], group="oslo_policy")
        yield


def _passes(service: Service, persona: dict[str, Any], names: list[str], keys: list[str]) -> dict[str, bool]:
    asker = service.asker(persona)
    targets = _targets(persona, keys)
    return {name: any(_passes_one(service, name, target, asker) for target in targets) for name in names}


def _passes_one(service: Service, name: str, target: dict[str, Any], asker: dict[str, Any]) -> bool:
    try:
        # glance's own `enforce` raises; the base class is what it calls in the end
        return bool(service.oslo.Enforcer.enforce(service.enforcer, name, dict(target), dict(asker)))
    except Exception:
        return False


def _target_keys(service: Service) -> list[str]:
    rules = [*service.enforcer.registered_rules.values(), *service.enforcer.file_rules.values()]
    texts = [str(r.check_str) for r in rules]
    texts += [str(r.deprecated_rule.check_str) for r in rules if r.deprecated_rule]
    return sorted({key for text in texts for key in _NAMED.findall(text)})


def _targets(persona: dict[str, Any], keys: list[str]) -> list[dict[str, Any]]:
    """Things to act on: all the owner's; and, where that is somebody else, things of ours on his network and things of his on ours."""
    own, owner = persona["project_id"], persona.get("owner_id") or persona["project_id"]
    pairs = [(own, own)] if owner == own else [(owner, owner), (own, owner), (owner, own)]
    return [_target(persona, keys, thing, parent) for thing, parent in pairs]


def _target(persona: dict[str, Any], keys: list[str], owner: str, parent_owner: str) -> dict[str, Any]:
    target: dict[str, Any] = {
        "project_id": owner,
        "tenant_id": owner,
        "user_id": persona["user_id"],
        "shared": False,
    }
    for key in keys:
        last = re.split(r"[.:]", key)[-1]
        if key.endswith("domain_id"):
            target[key] = persona["project_domain_id"]
        elif key.endswith("user_id"):
            target[key] = persona["user_id"]
        elif last in ("project_id", "tenant_id") and ":" in key:
            target[key] = parent_owner
        elif last in ("project_id", "tenant_id", "owner", "member_id") or key.endswith("project.id"):
            target[key] = owner
        elif last == "visibility":
            target[key] = "private"
    return target
