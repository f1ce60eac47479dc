"""All use cases in one hand; `main` makes it, the API holds it."""

from dataclasses import dataclass

from pumphouse.services.environments import Environments
from pumphouse.services.events import Events
from pumphouse.services.health import Health
from pumphouse.services.nodes import Nodes
from pumphouse.services.operations import Operations


@dataclass(frozen=True, slots=True)
class Services:
    """The one door."""

    environments: Environments
    nodes: Nodes
    operations: Operations
    events: Events
    health: Health
