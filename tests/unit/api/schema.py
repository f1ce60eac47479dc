"""The API's description as it is kept in docs/openapi.json; used by tests and by tools/openapi."""

import json
from typing import TYPE_CHECKING, Any, cast

from pumphouse.api.app import create_app

if TYPE_CHECKING:
    from pumphouse.services.access import Authenticator
    from pumphouse.services.door import Services


def described() -> dict[str, Any]:
    """From the routes alone: nothing is asked of the services."""
    return create_app(cast("Services", None), cast("Authenticator", None)).openapi()


def written() -> str:
    return json.dumps(described(), indent=1, sort_keys=True) + "\n"
