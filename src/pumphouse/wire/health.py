"""Health checks on the wire."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field

from pumphouse.wire.model import Request, View


class HealthRequest(Request):
    """Run a set of checks on an environment."""

    set: Literal["sanity", "smoke"] = Field(default="sanity")


class HealthRunView(View):
    """One run of a set of checks, as the workflow recorded it; further keys of the record are passed on unchanged."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str
    name: str
    status: str
    environment: str

    @classmethod
    def of(cls, run: Mapping[str, Any]) -> Self:
        """The view of a stored run."""
        return cls.model_validate({"name": run.get("set", ""), "status": "unknown", **run})
