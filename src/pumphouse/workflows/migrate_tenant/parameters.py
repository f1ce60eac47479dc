"""The parameters of a migration and of what comes after it; workflow.py and later.py read them."""

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.fence import tenant_lock
from pumphouse.workflows.one_tenant import OneTenant
from pumphouse.workflows.parameters import Parameters


def migration(params: Mapping[str, Any]) -> Parameters:
    """The parameters that all workflows about a migration share: which tenant, from where, to where."""
    read = Parameters(params)
    source = read.text("environment")
    read.text("tenant")
    read.text("name", "")
    if read.text("destination") == source:
        raise InvalidInputError("destination", source, "must be another environment than the tenant's own")
    return read


class OnMigration(OneTenant):
    """What has the parameters of `migration`; excludes everything else that is done to the tenant."""

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        """The tenant in the source, and what is to become of it in the destination, under the name that both have."""
        there = params["name"] or params["tenant"]
        return [
            tenant_lock(params["environment"], params["tenant"]),
            tenant_lock(params["destination"], f"moved:{there}"),
        ]


def texts(name: str, given: Any) -> list[str]:
    """A list of texts."""
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) and each for each in given):
        raise InvalidInputError(name, given, "must be a list of kinds, KIND/ID, or servers")
    return list(given)


def names_of(given: Any) -> dict[str, dict[str, str]]:
    """The map of names."""
    what = "must be a mapping: kind -> {name in the source: name in the destination}"
    if not isinstance(given, Mapping):
        raise InvalidInputError("names", given, what)
    for kind, names in given.items():
        good = isinstance(names, Mapping) and all(
            isinstance(text, str) and text for pair in names.items() for text in pair
        )
        if not isinstance(kind, str) or not good:
            raise InvalidInputError("names", given, what)
    return {kind: dict(names) for kind, names in given.items()}
