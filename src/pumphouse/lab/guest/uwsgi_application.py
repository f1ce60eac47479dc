"""Loads a service's WSGI application for uwsgi, with its policy made safe for threads. Runs in a release.

oslo.policy rebuilds its rules in place when a policy file changes; another thread that asks meanwhile finds rules
missing and answers 403: a lock makes it wait until the rules are whole. Services register their rules at the first
request, with the same effect: here they do it before they serve.
"""

import importlib
import os
import sys
import threading

_module, _name = os.environ["PUMPHOUSE_LAB_APPLICATION"].split(":")
application = getattr(importlib.import_module(_module), _name)

from oslo_policy import policy  # noqa: E402 - the service patches its world first

_lock = threading.RLock()
_load_rules = policy.Enforcer.load_rules


def _load_rules_alone(self, *args, **kwargs):
    with _lock:
        return _load_rules(self, *args, **kwargs)


policy.Enforcer.load_rules = _load_rules_alone


def _register_rules():
    if "keystone" in sys.modules:
        from keystone.common.rbac_enforcer.enforcer import RBACEnforcer

        RBACEnforcer()._enforcer.load_rules()  # noqa: SLF001 - there is no other door
    for service in ("nova", "cinder", "neutron"):
        if f"{service}.policy" in sys.modules:
            sys.modules[f"{service}.policy"].init()


_register_rules()
