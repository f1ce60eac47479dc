"""Says why a server did not leave its node; the mover asks after each attempt."""

from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Final

from pumphouse.domain.errors import PermanentError
from pumphouse.domain.server import Migration, Server
from pumphouse.ports.cloud import Cloud

FAILED: Final = frozenset({"error", "failed"})
"""Statuses of a migration that Nova took on and gave up."""


def newest_migration(cloud: Cloud, server_id: str) -> Migration | None:
    """The newest migration that Nova records of a server."""
    return next(iter(cloud.migrations(server_id=server_id)), None)


def what_went_wrong(cloud: Cloud, server: Server, log: MutableMapping[str, Any]) -> str:
    """Why the last attempt failed, for a person. Takes `refused` out of `log`: the next attempt may not be refused."""
    if refused := log.pop("refused", ""):
        return str(refused)
    newest = newest_migration(cloud, server.id)
    if newest is None:
        return server.fault or "Nova recorded no migration"
    if newest.id in log.get("aborted", []):
        return "it was stuck and was aborted"
    if newest.status == "completed":
        return "the migration 'completed', but the server is where it was"
    reason = server.fault or _nova_s_words(cloud, server.id)
    return f"its migration is in {newest.status}" + (f" ({reason})" if reason else "")


def _nova_s_words(cloud: Cloud, server_id: str) -> str:
    """The reason, if this account may read it: a move is not to fail for want of its explanation."""
    with suppress(PermanentError):
        return cloud.last_failure(server_id)
    return ""
