"""All use cases in one hand; `main` makes it, the API holds it."""

from dataclasses import dataclass

from pumphouse.services.environments import Environments
from pumphouse.services.events import Events
from pumphouse.services.fences import Fences
from pumphouse.services.health import Health
from pumphouse.services.migrations import Migrations
from pumphouse.services.nodes import Nodes
from pumphouse.services.operations import Operations
from pumphouse.services.settings import EnvironmentSettings
from pumphouse.services.tenants import Tenants


@dataclass(frozen=True, slots=True)
class Services:
    """The one door."""

    environments: Environments
    settings: EnvironmentSettings
    nodes: Nodes
    tenants: Tenants
    fences: Fences
    migrations: Migrations
    operations: Operations
    events: Events
    health: Health
