"""The lab: real OpenStack clouds of different releases on this one machine.

The demo, the lab deployer and the tests talk to `Lab`; the command line to `pumphouse.lab.commands`. Every command asks `pumphouse.lab.layout` where a lab would be, so
what is named here is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pumphouse.lab.lab import Lab
    from pumphouse.lab.status import ProcessStatus
    from pumphouse.lab.topology import CloudSpec, NodeSize

__all__ = ["CloudSpec", "Lab", "NodeSize", "ProcessStatus"]

_HOMES = {"CloudSpec": "topology", "Lab": "lab", "NodeSize": "topology", "ProcessStatus": "status"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
