"""Keeps two things out of every start of the program that TaskFlow imports and we never use; taskflow_flow.py and taskflow_logbook.py import it before TaskFlow.

`eventlet` (where something else has installed it) is imported by oslo.utils only to learn whether it has patched the process; `alembic` by TaskFlow's migration of its
own tables, which our migrations make. Together they are a quarter of the import.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_MIGRATION: Final = "taskflow.persistence.backends.sqlalchemy.migration"


@contextmanager
def light() -> Iterator[None]:
    """Within it eventlet cannot be imported unless it is already, and TaskFlow's migration is loaded when something of it is asked for."""
    hidden = "eventlet" not in sys.modules
    if hidden:
        sys.modules["eventlet"] = None  # type: ignore[assignment]  # what Python documents for "not to be found"
    try:
        _load_later(_MIGRATION)
        yield
    finally:
        if hidden:
            del sys.modules["eventlet"]


def _load_later(name: str) -> None:
    """The recipe of importlib's documentation."""
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    # else the import system looks at the module itself, which loads it
    parent, _, own = name.rpartition(".")
    setattr(sys.modules[parent], own, module)
