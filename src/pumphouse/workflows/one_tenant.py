"""What all workflows about one tenant have in common: maintenance and migration build on it."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from pumphouse.engine.workflow import Workflow


class OneTenant(Workflow):
    """About the tenant with the id `tenant` and, for people, the name `name` in `environment`."""

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def subject(self, params: Mapping[str, Any]) -> str:
        return f"{params['environment']}/{params['name'] or params['tenant']}"
