"""Loads a service's WSGI application for uwsgi, with one lock more. Runs in a release's environment.

oslo.policy rebuilds its rules in place when a policy file changes (and at the first request); another thread that
asks meanwhile finds rules missing and answers 403. The lock makes it wait until the rules are whole.
"""

import importlib
import os
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
