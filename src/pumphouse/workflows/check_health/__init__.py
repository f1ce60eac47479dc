"""Sets of checks on an environment; started by its kind, `check_health`, by the services and by other workflows as a child."""

from pumphouse.workflows.check_health.workflow import CheckHealth

__all__ = ["CheckHealth"]
