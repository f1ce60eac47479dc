"""Use cases of health checks: what earlier runs found. A new run is an operation of kind `check_health`."""

from collections.abc import Mapping, Sequence
from typing import Any

from pumphouse.ports.store import HealthStore
from pumphouse.services.environments import Environments


class Health:
    """Runs of health check sets."""

    def __init__(self, *, store: HealthStore, environments: Environments) -> None:
        self._store = store
        self._environments = environments

    def runs(self, environment: str, *, limit: int = 20) -> Sequence[Mapping[str, Any]]:
        """The runs on an environment, newest first."""
        name = self._environments.show(environment).name
        return self._store.health_runs(environment=name, limit=limit)
