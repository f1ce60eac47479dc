"""The checks of the smoke set that boot servers; part of the set in smoke.py. Each needs enabled compute nodes."""

from collections.abc import Sequence
from typing import Final

from pumphouse.domain.errors import CloudRefusedError, DeadlineError, PermanentError
from pumphouse.ports.workbench import Kind
from pumphouse.workflows.check_health.addresses import small_network
from pumphouse.workflows.check_health.check import GONE_S, VOLUME_S, Check, SkippedCheck, Trial, demand

ATTACH_S: Final = 120.0
MIGRATE_S: Final = 300.0
ADDRESS_S: Final = 120.0


def _boot(trial: Trial) -> str:
    server_id = trial.boot()
    server = trial.cloud.server(server_id)
    trial.bench.delete(Kind.SERVER, server_id)
    trial.wait_gone(Kind.SERVER, server_id, deadline_s=GONE_S)
    return f"booted on {server.host}, deleted"


def _attach(trial: Trial) -> str:
    volume_id = trial.make(Kind.VOLUME, {"size": 1})
    server_id = trial.boot()
    trial.wait(Kind.VOLUME, volume_id, status="AVAILABLE", deadline_s=VOLUME_S)
    trial.bench.attach(server_id, volume_id)
    trial.wait(Kind.VOLUME, volume_id, status="IN-USE", deadline_s=ATTACH_S)
    trial.bench.detach(server_id, volume_id)
    trial.wait(Kind.VOLUME, volume_id, status="AVAILABLE", deadline_s=ATTACH_S)
    return "created, attached and detached"


def _boot_from_volume(trial: Trial) -> str:
    volume_id = trial.make(Kind.VOLUME, {"size": 1, "imageRef": trial.shared().image_id})
    trial.wait(Kind.VOLUME, volume_id, status="AVAILABLE", deadline_s=VOLUME_S)
    disk = {"uuid": volume_id, "source_type": "volume", "destination_type": "volume", "boot_index": 0}
    server_id = trial.boot(imageRef=None, block_device_mapping_v2=[{**disk, "delete_on_termination": False}])
    return f"a volume with an image's bytes boots on {trial.cloud.server(server_id).host}"


def _floating_ip(trial: Trial) -> str | SkippedCheck:
    external = trial.bench.external_network()
    if external is None:
        return SkippedCheck("there is no external network")
    network_id = trial.make(Kind.NETWORK, {})
    cidr = small_network(trial.bench, external, 1)
    subnet_id = trial.make(Kind.SUBNET, {"network_id": network_id, "ip_version": 4, "cidr": cidr})
    router_id = trial.make(Kind.ROUTER, {"external_gateway_info": {"network_id": external}})
    trial.bench.plug(router_id, subnet_id)
    server_id = trial.boot(networks=[{"uuid": network_id}])
    port_id = trial.bench.port_of(server_id)
    demand(port_id is not None, "the server has no port")
    address_id = trial.make(Kind.FLOATING_IP, {"floating_network_id": external, "port_id": port_id})
    address = trial.wait(Kind.FLOATING_IP, address_id, status="ACTIVE", deadline_s=ADDRESS_S)
    return f"{address.details.get('floating_ip_address')} is ACTIVE on the server's port"


def _snapshot(trial: Trial) -> str:
    server_id = trial.boot()
    image_id = trial.bench.snapshot_server(server_id, trial.name("snapshot"))
    trial.wait(Kind.IMAGE, image_id, status="ACTIVE", deadline_s=VOLUME_S)
    trial.boot("copy", imageRef=image_id)
    return "a snapshot was stored and boots"


def _live_migration(trial: Trial) -> str:
    server_id = trial.boot()
    before = trial.cloud.server(server_id)
    try:
        trial.cloud.live_migrate(server_id, None)
    except CloudRefusedError as error:
        raise PermanentError(f"Nova refuses to migrate: {error.message}") from error

    def moved() -> str | None:
        server = trial.cloud.server(server_id)
        demand(server.status != "ERROR", f"the server went to ERROR while it moved: {server.fault}")
        there = server.host != before.host and server.status == "ACTIVE" and not server.task_state
        return server.host if there else None

    try:
        host = trial.ctx.poll(moved, what="the server to move", deadline_s=MIGRATE_S, interval_s=2.0)
    except DeadlineError as error:
        found = trial.cloud.migrations(server_id=server_id)
        said = f"its migration is {found[0].status}" if found else "Nova has no migration of it"
        raise PermanentError(
            f"the server is still on {before.host} after {MIGRATE_S:.0f} s; {said}"
        ) from error
    return f"moved from {before.host} to {host}"


SERVER_CHECKS: Final[Sequence[Check]] = (
    Check("live_migration", "Live-migrate a server", _live_migration, (Kind.SERVER,), nodes=2),
    Check(
        "snapshot_boot", "Snapshot a server and boot from it", _snapshot, (Kind.SERVER, Kind.IMAGE), nodes=1
    ),
    Check(
        "floating_ip",
        "Boot a server with a floating IP",
        _floating_ip,
        (Kind.SERVER, Kind.FLOATING_IP, Kind.ROUTER, Kind.SUBNET, Kind.NETWORK),
        nodes=1,
    ),
    Check(
        "boot_from_volume",
        "Boot a server from a volume",
        _boot_from_volume,
        (Kind.SERVER, Kind.VOLUME),
        nodes=1,
    ),
    Check("attach_volume", "Create a volume and attach it", _attach, (Kind.SERVER, Kind.VOLUME), nodes=1),
    Check("boot_server", "Boot and delete a server", _boot, (Kind.SERVER,), nodes=1),
)
