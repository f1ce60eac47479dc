"""Stands in for ovn-controller on all nodes of a cloud. Runs in a release's environment, one process per cloud.

usage: ovn_chassis.py tcp:ADDRESS:PORT   (the southbound database)

Keeps every chassis alive (nb_cfg) and claims each port binding whose chassis exists, so that ports become ACTIVE
and follow a live migration. There are no flows: no packet moves.

It claims no sooner than a real one could: that does it when Nova has plugged the interface in, which is after Neutron
has answered. Claimed before that, a port can stay DOWN for good: Neutron's request and OVN's message "up" then wait
both for the binding, ten times half a second, the request being the one that would make it (measured on 2023.1:
`_port_provisioned` of ML2, called from `_notify_dhcp_updated` of the OVN driver before the port is bound).
"""

import sys
import time

import ovs.db.idl
import ovs.jsonrpc
import ovs.poller
import ovs.stream

TABLES = ("SB_Global", "Chassis", "Chassis_Private", "Port_Binding", "HA_Chassis_Group", "HA_Chassis")
HEARTBEAT_MS = 20000
IDLE_S = 5.0
PLUGGING_S = 1.0
"""From the wish for a chassis to the claim. Neutron needs some 50 ms of it, several times that on a busy machine."""


def get_schema(address):
    error, stream = ovs.stream.Stream.open_block(ovs.stream.Stream.open(address))
    if error:
        raise OSError(error)
    connection = ovs.jsonrpc.Connection(stream)
    error, reply = connection.transact_block(
        ovs.jsonrpc.Message.create_request("get_schema", ["OVN_Southbound"])
    )
    connection.close()
    if error:
        raise OSError(error)
    return reply.result


def beat(idl):
    """Answer neutron's liveness question on behalf of every chassis."""
    wanted = max([row.nb_cfg for row in idl.tables["SB_Global"].rows.values()] or [0])
    now_ms = int(time.time() * 1000)
    changed = False
    for row in idl.tables["Chassis_Private"].rows.values():
        if row.nb_cfg != wanted or now_ms - row.nb_cfg_timestamp > HEARTBEAT_MS:
            row.nb_cfg = wanted
            row.nb_cfg_timestamp = now_ms
            changed = True
    return changed


def wanted_chassis(binding, by_name):
    """The chassis that should hold this binding, as ovn-controller would decide; None for nobody."""
    if binding.type == "chassisredirect":
        group = binding.ha_chassis_group
        ranked = sorted(group[0].ha_chassis, key=lambda h: -h.priority) if group else []
        alive = [h.chassis[0] for h in ranked if h.chassis]
        return alive[0] if alive else None
    if binding.requested_chassis:
        return binding.requested_chassis[0]
    return by_name.get((binding.options or {}).get("requested-chassis", "").split(",")[0])


class Plugs:
    """Since when which chassis has been wanted for a port."""

    def __init__(self):
        self._since = {}

    def wait_s(self, binding, wanted):
        """Seconds until its interface counts as plugged in there."""
        now = time.monotonic()
        place, since = self._since.get(binding.uuid, (None, now))
        if place != wanted.uuid:
            self._since[binding.uuid] = (wanted.uuid, since := now)
        return max(0.0, since + PLUGGING_S - now)

    def keep(self, wanted):
        """Forget the ports that are not among these."""
        self._since = {known: at for known, at in self._since.items() if known in wanted}


def claim(idl, plugs):
    """Give each port its chassis. Whether something was changed, and seconds until the next claim is due (or None)."""
    by_name = {}
    for chassis in idl.tables["Chassis"].rows.values():
        by_name[chassis.name] = by_name[chassis.hostname] = chassis
    changed, due, placed = False, None, set()
    for binding in idl.tables["Port_Binding"].rows.values():
        if binding.type not in ("", "chassisredirect"):
            continue
        wanted = wanted_chassis(binding, by_name)
        held = binding.chassis[0] if binding.chassis else None
        if wanted is None:
            if held is not None:
                binding.chassis, binding.up, changed = [], [False], True
            continue
        placed.add(binding.uuid)
        if held is not None and held.uuid == wanted.uuid and binding.up == [True]:
            continue
        wait_s = plugs.wait_s(binding, wanted)
        if wait_s > 0:
            due = min(wait_s, due or wait_s)
        else:
            binding.chassis, binding.up, changed = [wanted], [True], True
    plugs.keep(placed)
    return changed, due


def step(idl, plugs):
    """One turn. Seconds until the next one is due, or None when only news bring one."""
    transaction = ovs.db.idl.Transaction(idl)
    beaten = beat(idl)
    claimed, due = claim(idl, plugs)
    if beaten or claimed:
        transaction.commit_block()
    else:
        transaction.abort()
    return due


def main(address):
    helper = ovs.db.idl.SchemaHelper(schema_json=get_schema(address))
    for table in TABLES:
        helper.register_table(table)
    idl = ovs.db.idl.Idl(address, helper)
    plugs = Plugs()
    seen, next_turn = None, 0.0
    while True:
        idl.run()
        if idl.has_ever_connected() and (idl.change_seqno != seen or time.monotonic() >= next_turn):
            seen, due = idl.change_seqno, None
            try:
                due = step(idl, plugs)
            except Exception as error:  # a lost race with northd; the next turn sees the new rows
                print("step:", repr(error), flush=True)  # noqa: T201 - this is its log
            next_turn = time.monotonic() + (IDLE_S if due is None else due)
        poller = ovs.poller.Poller()
        idl.wait(poller)
        poller.timer_wait(max(1, int(1000 * (next_turn - time.monotonic())) + 1))
        poller.block()


if __name__ == "__main__":
    main(sys.argv[1])
