"""What counts as having arrived: Nova, Placement and Neutron agree on the new node, and the state is what it was; used by the mover."""

from collections.abc import Mapping
from typing import Any

from pumphouse.domain.errors import DeadlineError, PermanentError
from pumphouse.domain.server import Server
from pumphouse.engine.step import StepContext
from pumphouse.ports.cloud import Cloud

ARRIVAL_S = 180.0
"""How long Placement and Neutron may lag behind Nova."""


def wait_until_arrived(
    ctx: StepContext, cloud: Cloud, server: Server, *, provider: str, log: Mapping[str, Any]
) -> None:
    """Put the state back and wait until every witness confirms the move.

    Raises:
        DeadlineError: names the witness that does not.
        PermanentError: the server is in another state than before, and we may not change that.
    """
    restore_state(ctx, cloud, server, log)
    lacking = "Nova"

    def probe() -> bool | None:
        nonlocal lacking
        lacking = _lacking(cloud, server, provider, log)
        return None if lacking else True

    try:
        ctx.poll(
            probe, what=f"the move of {server.name} to {server.host} to be complete", deadline_s=ARRIVAL_S
        )
    except DeadlineError as error:
        raise DeadlineError(
            f"{server.name} is on {server.host}, but its move is not complete: {lacking}",
            hint="the operation's retry looks again; nothing is moved twice",
        ) from error


def restore_state(ctx: StepContext, cloud: Cloud, server: Server, log: Mapping[str, Any]) -> None:
    """Suspend again what we have resumed. Nova keeps SHUTOFF and PAUSED through a move by itself: any other difference is its owner's
    doing and stays.
    """
    before = str(log.get("before", server.status))
    if server.status == before:
        return
    if server.status == "ERROR":
        raise PermanentError(
            f"server {server.name} was {before} and is ERROR on {server.host}"
            + (f" ({server.fault})" if server.fault else ""),
            hint="look into nova-compute's log; to go on without it: "
            f"pumphouse operation skip {(ctx.operation.parent_id or ctx.operation.id)[:8]}",
        )
    if not (before == "SUSPENDED" and server.status == "ACTIVE" and log.get("woken")):
        ctx.progress(f"{server.name} was {before} and is {server.status} by its owner's wish: left so")
        return
    put_back = cloud.suspend
    asked = False

    def probe() -> bool | None:
        nonlocal asked
        found = cloud.server(server.id)
        if found.status == before and not found.task_state:
            return True
        if found.status == "ACTIVE" and not found.task_state and not asked:
            put_back(server.id)
            asked = True
        return None

    ctx.poll(probe, what=f"{server.name} to be {before} again", deadline_s=ARRIVAL_S)


def _lacking(cloud: Cloud, server: Server, provider: str, log: Mapping[str, Any]) -> str:
    """Which witness does not confirm the move yet; empty when all do."""
    found = cloud.server(server.id)
    if found.host != server.host or found.task_state:
        return f"Nova says {found.host}, {found.status} {found.task_state}"
    if provider:
        consumers = set(cloud.provider_consumers(provider))
        ours = {server.id} | {m.uuid or m.id for m in cloud.migrations(server_id=server.id)}
        if held := consumers & ours:
            return f"Placement still holds {', '.join(sorted(held))} on the source"
    bound = set(log.get("bound_ports", ()))
    # the port of a server that does not run may be ACTIVE before and DOWN afterwards, as nothing is plugged in
    running = {log["before"], found.status} <= {"ACTIVE", "PAUSED"}
    active = set(log.get("active_ports", ())) if running else set()
    for port in cloud.ports(server.id):
        if port.id in bound and port.host != server.host:
            return f"Neutron has port {port.id} bound to {port.host or 'no host'}"
        if port.id in active and port.status != "ACTIVE":
            return f"Neutron says port {port.id} is {port.status}"
    return ""
