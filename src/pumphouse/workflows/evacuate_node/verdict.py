"""What can be done with one server of a node that is being emptied, and what its operator should know; used by plan and mover.

Nova's facts (compute/api.py): live migration is for ACTIVE and PAUSED servers, cold migration for ACTIVE and SHUTOFF ones; an ACTIVE one
would be rebooted by it, so that we never do that.
"""

from collections.abc import Collection
from dataclasses import dataclass

from pumphouse.domain.finding import Finding, critical, info, warning
from pumphouse.domain.server import Server

LIVE = "live"
COLD = "cold"
LEAVE = "leave"
CANNOT = "cannot"

PASSING = frozenset(
    {"BUILD", "REBUILD", "REBOOT", "HARD_REBOOT", "PASSWORD", "MIGRATING", "RESIZE", "REVERT_RESIZE"}
)
"""States that a server leaves by itself."""

_REFUSED = {
    "VERIFY_RESIZE": (
        "server-resized",
        "its owner has resized it and must say whether that is good: until then Nova moves it nowhere",
        "have the owner run `openstack server resize confirm {id}` (or `revert`), then plan again",
    ),
    "RESIZE": (
        "server-resized",
        "it is being resized, and its owner must confirm that before it can move",
        "wait for it, have the owner run `openstack server resize confirm {id}`, then plan again",
    ),
    "ERROR": (
        "server-error",
        "it is in ERROR, and Nova moves no such server{fault}",
        "repair it (`openstack server set --state active {id}` when its guest is well), rebuild or delete it",
    ),
    "RESCUE": (
        "server-rescued",
        "it runs its rescue system, and Nova moves no such server",
        "have the owner run `openstack server unrescue {id}`",
    ),
    "SHELVED": (
        "server-shelved",
        "it is shelved but its disk is still on this node, and Nova moves no such server",
        "offload it: `openstack server shelve --offload {id}`",
    ),
    "SOFT_DELETED": (
        "server-deleted",
        "it is deleted but kept for a while, and Nova moves no such server",
        "restore it (`openstack server restore {id}`) or delete it for good (`openstack server delete --force {id}`)",
    ),
    "SUSPENDED": (
        "server-suspended",
        "it is suspended, and Nova moves no such server",
        "allow it with `--suspended resume` (it will run for the time of its move), or have its owner resume or shelve it",
    ),
}
_NEVER_LIVE_VNIC = frozenset({"direct-physical", "accelerator-direct", "accelerator-direct-physical", "vdpa"})
_HOT_SWAPPED_VNIC = frozenset({"direct", "macvtap", "virtio-forwarder", "remote-managed"})
_TIED_SPECS = ("hw:cpu_policy", "hw:numa_nodes", "hw:mem_page_size", "hw:cpu_realtime", "hw:pmem")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a server would leave the node, with the reason in words and the findings about it."""

    method: str
    reason: str
    findings: tuple[Finding, ...] = ()


def judge(server: Server, *, stopped: str, suspended: str, vnic_types: Collection[str] = ()) -> Verdict:
    """Decide by state first, then by what ties the server to its node."""
    subject = f"server {server.name} ({server.id})"
    if server.status == "SHELVED_OFFLOADED":
        return Verdict(LEAVE, "it is on no node")
    if server.status == "SHUTOFF" and stopped == "leave":
        found = info("stopped-left", subject, "it is powered off and will be left on the node, as asked for")
        return Verdict(LEAVE, "powered off, left as asked for", (found,))
    if server.status in _REFUSED and not (server.status == "SUSPENDED" and suspended == "resume"):
        return _refused(server, subject)
    if server.status not in {"ACTIVE", "PAUSED", "SHUTOFF", "SUSPENDED"} | PASSING:
        found = critical("server-state", subject, f"it is in state {server.status}, which Nova does not move")
        return Verdict(CANNOT, f"state {server.status}", (found,))
    method = COLD if server.status == "SHUTOFF" else LIVE
    tied, blocked = _ties(server, subject, method, vnic_types)
    findings = [*_notices(server, subject), *tied]
    if blocked:
        return Verdict(CANNOT, tied[-1].message, tuple(findings))
    return Verdict(method, _why(server), tuple(findings))


def _refused(server: Server, subject: str) -> Verdict:
    code, message, suggestion = _REFUSED[server.status]
    fault = f" ({server.fault})" if server.fault else ""
    found = critical(code, subject, message.format(fault=fault), suggestion.format(id=server.id))
    return Verdict(CANNOT, found.message, (found,))


def _why(server: Server) -> str:
    match server.status:
        case "SHUTOFF":
            return "powered off: cold migration, then confirmed; it stays off"
        case "PAUSED":
            return "paused: live migration; it stays paused"
        case "SUSPENDED":
            return "suspended: resumed, live migration, suspended again"
        case "ACTIVE":
            return "running: live migration" if not server.task_state else "running, after its task has ended"
        case _:
            return f"{server.status} now: moved as soon as that has ended"


def _notices(server: Server, subject: str) -> list[Finding]:
    findings = []
    if server.task_state or server.status in PASSING:
        doing = server.task_state or server.status
        found = warning(
            "server-busy",
            subject,
            f"a task is in progress ({doing}); its move waits for the end of it",
            "wait for it and plan again, when its move should not be held up",
        )
        findings.append(found)
    if server.locked:
        found = warning(
            "server-locked",
            subject,
            "its owner has locked it; an administrator moves it all the same, and it stays locked",
        )
        findings.append(found)
    return findings


def _ties(
    server: Server, subject: str, method: str, vnic_types: Collection[str]
) -> tuple[list[Finding], bool]:
    specs = server.flavor.extra_specs
    devices = [k for k in specs if k.startswith(("pci_passthrough:", "resources:VGPU", "resources:PGPU"))]
    if specs.get("hw:mem_encryption", "").lower() in {"true", "1", "yes"}:
        devices.append("hw:mem_encryption")
    devices += [f"a {kind} port" for kind in sorted(_NEVER_LIVE_VNIC & set(vnic_types))]
    if devices and method == LIVE:
        found = critical(
            "pinned",
            subject,
            f"a device ties it to this node ({', '.join(devices)}): it cannot be moved while it runs",
            f"have it powered off (`openstack server stop {server.id}`): then it is moved cold",
        )
        return [found], True
    tied = devices + [f"{k}={specs[k]}" for k in _TIED_SPECS if k in specs and specs[k] != "shared"]
    tied += [f"a {kind} port" for kind in sorted(_HOT_SWAPPED_VNIC & set(vnic_types))]
    if not tied:
        return [], False
    found = warning(
        "pinned",
        subject,
        f"it asks for parts of a node that the simulation cannot see ({', '.join(tied)}); the cloud's scheduler decides",
        "make sure that another node has such parts free",
    )
    return [found], False
