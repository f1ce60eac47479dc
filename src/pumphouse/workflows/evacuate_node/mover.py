"""Moves one server off a node and proves it; the item steps of the evacuation use it, forwards and for undo.

It is a loop of "look, then do the one thing that this state asks for", so that it can begin anywhere: after a crash, after a lost answer,
or when somebody else has moved the server meanwhile.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pumphouse.domain.errors import (
    CloudRefusedError,
    CredentialsError,
    DeadlineError,
    NotFoundError,
    PermanentError,
)
from pumphouse.domain.finding import Severity
from pumphouse.domain.server import Migration, Server
from pumphouse.engine.step import Skipped, StepContext
from pumphouse.ports.cloud import Cloud
from pumphouse.workflows.evacuate_node.arrival import restore_state, wait_until_arrived
from pumphouse.workflows.evacuate_node.failure import FAILED, newest_migration, what_went_wrong
from pumphouse.workflows.evacuate_node.outlook import Elsewhere, find_server
from pumphouse.workflows.evacuate_node.timing import deadline_s
from pumphouse.workflows.evacuate_node.verdict import CANNOT, COLD, LEAVE, LIVE, PASSING, judge

LOST_S = 120.0
"""When Nova has no record of a migration that it accepted so long ago, its message to the conductor is lost (measured: RabbitMQ restarted
between the two; the conductor writes the record first of all).
"""
ABORT_S = 120.0
"""How long an aborted migration may take to let go."""
MENDED_AT_MOST = 3
ROUNDS = 2
REST_S = 30.0
"""How long a server rests before all targets are tried again, at most ROUNDS times: a server that fits nowhere is not to be tried for ever."""
RECOVERY_S = 180.0
"""How long nodes may be down before they are tried once more all the same; Nova calls a node down whose heartbeat is older than a minute."""
CONFIRM_S = 300.0
"""How long the source may take to clean up after a confirmed cold migration."""


@dataclass(slots=True)
class Journey:
    """One server's way from `origin` to another node.

    `home` is the only target of a way back; otherwise the planned target, the next best of `elsewhere`, and the scheduler's choice are tried in turn.
    `log` is what is known of it, from a run before a crash too; `save` makes it durable before each act. `provider` is the resource
    provider of `origin`, whose allocations must be gone in the end.
    """

    ctx: StepContext
    cloud: Cloud
    server_id: str
    name: str
    origin: str
    stopped: str
    suspended: str
    parallel: int
    patience: float
    planned: str = ""
    home: str = ""
    elsewhere: Elsewhere | None = None
    provider: str = ""
    save: Callable[[Mapping[str, Any]], None] = lambda _values: None
    log: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Mapping[str, Any] | Skipped:
        """Move it and confirm the move at Nova, Placement and Neutron.

        Raises:
            PermanentError: no target took it, or it did not arrive whole; says what was tried.
        """
        failures: list[str] = []
        targets = self._targets()
        # asked for before a crash: it is looked at like a new one, and its target may be tried again
        self.log.pop("trying", None)
        while True:
            server = self.settled()
            if server is None:
                return Skipped("it was deleted meanwhile")
            try:
                ended = self._go_on(server, targets, failures)
            except (NotFoundError, DeadlineError):
                if self._look() is not None:
                    raise
                continue  # its owner deleted it between our looks
            if ended is not None:
                return ended

    def _go_on(
        self, server: Server, targets: Iterator[str], failures: list[str]
    ) -> Mapping[str, Any] | Skipped | None:
        """Do the one thing that its state asks for; None to look again."""
        if server.status == "VERIFY_RESIZE" and self._is_our_cold_move(server):
            self._confirm(server)
        elif server.host != self.origin:
            return self._arrived(server)
        else:
            return self._depart(server, targets, failures)
        return None

    def _depart(self, server: Server, targets: Iterator[str], failures: list[str]) -> Skipped | None:
        """At the origin and idle: judge the last attempt, if there was one, and make the next."""
        if tried := self.log.get("trying"):
            failures.append(f"{tried}: {what_went_wrong(self.cloud, server, self.log)}")
            self._note(trying=None, tried=[*self.log.get("tried", []), tried])
            self._tell_retry(failures[-1])
        if (
            server.status == "SUSPENDED"
            and self.suspended == "resume"
            and self._before(server) == "SUSPENDED"
        ):
            self._wake(server)
            return None
        if server.status == "ERROR" and self._is_ours_to_mend(server):
            self._mend(server)
            return None
        verdict = judge(server, stopped=self.stopped, suspended=self.suspended)
        if verdict.method == LEAVE:
            return Skipped(verdict.reason)
        if verdict.method == CANNOT:
            raise PermanentError(
                f"server {self.name} cannot be moved: {verdict.reason}", hint=verdict.findings[-1].suggestion
            )
        self._before(server)
        target = next(targets, None)
        if target is None:
            self._give_up(server, failures)
        else:
            self._ask(server, verdict.method, target)
        return None

    def _is_ours_to_mend(self, server: Server) -> bool:
        """When its messages get lost (RabbitMQ restarted), Nova calls a server ERROR although its guest never stopped running. Only a server
        that was ACTIVE when we asked for its live migration, and that the hypervisor says is running, is called ACTIVE again.
        """
        return (
            self.log.get("before") == "ACTIVE"
            and self.log.get("method") == LIVE
            and server.power_state == "running"
            and int(self.log.get("mended", 0)) < MENDED_AT_MOST
        )

    def _mend(self, server: Server, why: str = "") -> None:
        why = (
            why or f"it was called ERROR after its migration had failed ({server.fault or 'no reason given'})"
        )
        self._note(mended=int(self.log.get("mended", 0)) + 1)
        self.cloud.reset_state(server.id, active=True)
        self.ctx.emit(
            "server.state_reset",
            f"{self.name}: {why}; it runs, and is ACTIVE again",
            subject=f"server {self.server_id}",
            environment=self.cloud.environment,
            severity=Severity.WARNING,
        )

    def _before(self, server: Server) -> str:
        """The state that it must be in afterwards, recorded before anything is done to it."""
        before = str(self.log.get("before", ""))
        woken = before == "SUSPENDED" and server.status == "ACTIVE"
        if before != server.status and not woken:
            ports = self.cloud.ports(server.id)
            before = server.status
            self._note(
                before=before,
                bound_ports=[p.id for p in ports if p.host],
                active_ports=[p.id for p in ports if p.status == "ACTIVE"],
            )
        return before

    def _ask(self, server: Server, method: str, target: str) -> None:
        self._note(trying=target or "the scheduler's choice", method=method)
        try:
            if method == LIVE:
                self.cloud.live_migrate(server.id, target or None)
            else:
                self.cloud.cold_migrate(server.id, target or None)
        except (CredentialsError, NotFoundError):
            raise
        except CloudRefusedError as error:
            # counts as an attempt; found at the origin by the next look
            self.log["refused"] = error.message

    def _wake(self, server: Server) -> None:
        """A suspended server is moved running, and suspended again afterwards."""
        self._note(woken=True)
        self.cloud.resume(server.id)
        self.ctx.poll(
            lambda: (self._look() or server).status == "ACTIVE" or None,
            what=f"{self.name} to be resumed",
            deadline_s=self._allowance(server),
        )

    def settled(self) -> Server | None:
        """The server when no task is going on any more; one that is stuck in a live migration is aborted."""
        first = self._look()
        if first is None or _idle(first):
            return first
        allowance = self._allowance(first)
        ours = self.log.get("method") == LIVE and "before" in self.log
        try:
            return self._wait_idle(first, min(allowance, LOST_S) if ours else allowance)
        except DeadlineError:
            if not ours:
                raise  # not started by us: not ours to end
        if self._running_live_migration() is not None and allowance > LOST_S:
            with suppress(DeadlineError):
                return self._wait_idle(first, allowance - LOST_S)
        stuck = self._running_live_migration()
        if stuck is None:
            return self._set_free()
        self.ctx.progress(f"{self.name}: its migration is stuck and is aborted")
        self._note(aborted=[*self.log.get("aborted", []), stuck.id])
        self.cloud.abort_live_migration(self.server_id, stuck.id)
        return self._wait_idle(first, ABORT_S)

    def _set_free(self) -> Server | None:
        """It waits for a migration that nobody carries out. As with a server in ERROR, only one that runs and was ACTIVE is called so again."""
        server = self._look()
        if server is None or _idle(server):
            return server
        if not self._is_ours_to_mend(server):
            raise DeadlineError(
                f"{self.name} is {server.task_state or server.status}, but Nova carries out no migration of it",
                hint=f"see `openstack server event list {self.server_id}`; then `openstack server set --state active`, and retry the operation",
            )
        self._mend(server, f"Nova lost its migration and left it {server.task_state or server.status}")
        return self._wait_idle(server, ABORT_S)

    def _wait_idle(self, server: Server, allowance: float) -> Server | None:
        gone = False

        def probe() -> Server | None:
            nonlocal gone
            found = self._look()
            gone = found is None
            return server if found is None else found if _idle(found) else None

        found = self.ctx.poll(
            probe,
            what=f"{self.name} to end {server.task_state or server.status}",
            deadline_s=allowance,
            interval_s=min(5.0, max(1.0, allowance / 600)),
        )
        return None if gone else found

    def _confirm(self, server: Server) -> None:
        """End our cold migration; asked again only while Nova says that it waits for it."""

        def probe() -> bool | None:
            found = self._look()
            if found is None or found.status != "VERIFY_RESIZE":
                return True
            newest = self._newest()
            if newest is not None and newest.status == "finished":
                with suppress(CloudRefusedError):  # it has been confirmed since we looked
                    self.cloud.confirm_migration(self.server_id)
            return None

        self.ctx.poll(probe, what=f"{self.name} to be confirmed on {server.host}", deadline_s=CONFIRM_S)

    def _is_our_cold_move(self, server: Server) -> bool:
        """A resize by the owner must be confirmed by the owner; a cold migration of ours was noted before it was asked for."""
        newest = self._newest()
        return bool(
            self.log.get("method") == COLD
            and newest is not None
            and newest.kind == "migration"
            and newest.source == self.origin
            and server.host != self.origin
        )

    def _arrived(self, server: Server) -> Mapping[str, Any] | Skipped:
        before = self.log.get("before")
        if before is None:
            return Skipped(
                f"it has left {self.origin} by itself and is {f'on {server.host}' if server.host else 'on no node'}"
            )
        wait_until_arrived(self.ctx, self.cloud, server, provider=self.provider, log=self.log)
        self.ctx.emit(
            "server.moved",
            f"{self.name} moved from {self.origin} to {server.host} and is {before} as before",
            subject=f"server {self.server_id}",
            environment=self.cloud.environment,
            source=self.origin,
            target=server.host,
            method=self.log.get("method", LIVE),
        )
        return {**self.log, "trying": None, "source": self.origin, "host": server.host}

    def _give_up(self, server: Server, failures: Sequence[str]) -> None:
        restore_state(self.ctx, self.cloud, server, self.log)
        # the next attempt, asked for by an operator, begins with all targets again
        self._note(tried=[])
        raise PermanentError(
            f"server {self.name} is still on {self.origin}; tried {'; '.join(failures) or 'nothing'}",
            hint=f"see `openstack server migration list --server {self.server_id}`, remove the cause, then retry the operation",
        )

    def _targets(self) -> Iterator[str]:
        for number in range(ROUNDS):
            yield from self._round()
            if not self._recovers(first=number == 0):
                return
            self._note(tried=[])
        yield from self._round()

    def _recovers(self, *, first: bool) -> bool:
        """Whether all targets are worth another try; waits until Nova has recovered. What was only given up for an unknown reason is tried once more.

        Measured after restarts of RabbitMQ: Nova fails every migration from or to a node whose heartbeat it misses, within a second and without
        asking the node, and calls it up again 65 to 71 s after the restart.
        """
        newest = self._newest() if first else None
        lost = self.log.get("mended") or (newest is not None and newest.status in FAILED)
        if not lost and not self._silent():
            return False
        self.ctx.progress(f"{self.name}: all targets are tried once more when Nova has recovered")
        since = self.ctx.clock.monotonic()

        def recovered() -> bool | None:
            rested = self.ctx.clock.monotonic() - since >= REST_S
            return (rested and not self._silent()) or None

        with suppress(DeadlineError):
            self.ctx.poll(recovered, what="Nova to recover", deadline_s=RECOVERY_S, interval_s=5.0)
        return True

    def _silent(self) -> bool:
        """Whether Nova misses the heartbeat of the origin or of a target that was tried."""
        concerned = {self.origin, *self.log.get("tried", [])}
        return any(n.name in concerned and not n.up for n in self.cloud.nodes(summary=True))

    def _round(self) -> Iterator[str]:
        if self.home:
            yield self.home
            return
        tried = set(self.log.get("tried", []))
        if self.planned and self.planned not in tried:
            yield self.planned
        server = self._look()
        if server is not None and self.elsewhere is not None:
            tried |= {self.planned, *self.log.get("tried", [])}
            best = self.elsewhere.next_best(server, {self.origin, *tried})
            if best:
                yield best
        yield ""

    def _tell_retry(self, failure: str) -> None:
        self.ctx.emit(
            "server.move_failed",
            f"{self.name} did not leave {self.origin}: {failure}",
            subject=f"server {self.server_id}",
            environment=self.cloud.environment,
            severity=Severity.WARNING,
        )

    def _note(self, **values: Any) -> None:
        self.log.update(values)
        self.save(values)

    def _look(self) -> Server | None:
        return find_server(self.cloud, self.server_id)

    def _newest(self) -> Migration | None:
        return newest_migration(self.cloud, self.server_id)

    def _running_live_migration(self) -> Migration | None:
        migrations = self.cloud.migrations(server_id=self.server_id)
        return next((m for m in migrations if m.running and m.kind == "live-migration"), None)

    def _allowance(self, server: Server) -> float:
        method = COLD if self.log.get("method") == COLD else LIVE
        return deadline_s(server, method, self.parallel) * self.patience


def _idle(server: Server) -> bool:
    return not server.task_state and server.status not in PASSING
