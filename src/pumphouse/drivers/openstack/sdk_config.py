"""openstacksdk's reader of clouds.yaml without the rest of the SDK, which its package imports along with it and we never use; access.py asks.

Every command that reaches a cloud would pay for it: it is an eighth of what such a command imports.
"""

import sys
import threading
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any, Final

_PACKAGE: Final = "openstack"
_CONNECTION: Final = "openstack.connection"
_LOCK = threading.Lock()


def sdk_config() -> Any:
    """The module `openstack.config`."""
    with _LOCK:
        if _PACKAGE not in sys.modules:
            _import_package()
        return import_module("openstack.config")


def _import_package() -> None:
    """openstack/__init__.py needs `openstack.connection` only for `openstack.connect` and the annotation of it; whoever asks for it afterwards gets it."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.loader is None:
        return
    package = module_from_spec(spec)
    stand_in = ModuleType(_CONNECTION)
    stand_in.__dict__["Connection"] = object
    package.__dict__["connection"] = stand_in
    sys.modules[_PACKAGE], sys.modules[_CONNECTION] = package, stand_in
    try:
        spec.loader.exec_module(package)
    except BaseException:
        del sys.modules[_PACKAGE]
        raise
    finally:
        del sys.modules[_CONNECTION], package.__dict__["connection"]
    package.__dict__["__getattr__"] = _asked_for


def _asked_for(name: str) -> ModuleType:
    if name != "connection":
        raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}")
    return import_module(_CONNECTION)
