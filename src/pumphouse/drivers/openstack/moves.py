"""Asks Nova to move servers or to change their state; cloud.py calls it. Each call only asks, and looks first where a repeat would be refused."""

from typing import Any

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, NotFoundError
from pumphouse.drivers.openstack.servers import Servers
from pumphouse.drivers.openstack.transport import Transport

_ABORTABLE = frozenset({"queued", "preparing", "running"})
"""Nova aborts a queued or preparing live migration from 2.65 on."""


class Moves:
    """Server actions of an admin."""

    def __init__(self, transport: Transport, servers: Servers) -> None:
        self._http = transport
        self._servers = servers

    def live_migrate(self, server_id: str, target: str | None) -> None:
        """Live-migrate. From 2.34 on Nova answers before it has checked the target: a refusal shows as a migration in `error`.

        A target is checked by the scheduler since `force` is never sent (2.68 abolished it); 2.25 made block migration `auto`.
        """
        self._act(server_id, {"os-migrateLive": {"host": target, "block_migration": "auto"}}, "2.68")

    def abort_live_migration(self, server_id: str, migration_id: str) -> None:
        """Abort; what has ended meanwhile is left as it is. Nova refuses (400) one that is past aborting, and does not know (404) an ended one."""
        try:
            self._http.write(
                "compute", "DELETE", f"/servers/{server_id}/migrations/{migration_id}", microversion="2.65"
            )
        except (CloudRefusedError, CloudFaultError, NotFoundError):
            found = [
                each for each in self._servers.migrations(server_id=server_id) if each.id == migration_id
            ]
            if any(each.status in _ABORTABLE for each in found):
                raise

    def cold_migrate(self, server_id: str, target: str | None) -> None:
        """Cold-migrate; a target can be named from 2.56 on."""
        self._act(server_id, {"migrate": {"host": target} if target else None}, "2.56")

    def confirm_migration(self, server_id: str) -> None:
        """Confirm a cold migration."""
        self._act(server_id, {"confirmResize": None})

    def revert_migration(self, server_id: str) -> None:
        """Revert a cold migration."""
        self._act(server_id, {"revertResize": None})

    def turn(self, server_id: str, action: str, done: str) -> None:
        """Pause, unpause, start... A server that is already in the status `done`, with nothing going on, is left alone, as Nova would answer 409."""
        try:
            self._act(server_id, {action: None})
        except CloudFaultError:
            server = self._servers.one(server_id)
            if server.status != done or server.task_state:
                raise

    def reset_state(self, server_id: str, *, active: bool) -> None:
        """Admin's os-resetState to ACTIVE or ERROR; it also clears the task state."""
        self._act(server_id, {"os-resetState": {"state": "active" if active else "error"}})

    def _act(self, server_id: str, action: dict[str, Any], microversion: str = "2.1") -> None:
        self._http.write(
            "compute", "POST", f"/servers/{server_id}/action", json=action, microversion=microversion
        )
