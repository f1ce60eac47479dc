"""The lab: real OpenStack clouds of different releases on this one machine.

The demo, the lab deployer and the tests talk to `Lab`; the command line to `pumphouse.lab.commands`.
"""

from pumphouse.lab.lab import Lab
from pumphouse.lab.status import ProcessStatus
from pumphouse.lab.topology import CloudSpec, NodeSize

__all__ = ["CloudSpec", "Lab", "NodeSize", "ProcessStatus"]
