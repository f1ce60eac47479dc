"""Stands in for ovn-controller on all nodes of a cloud. Runs in a release's environment, one process per cloud.

usage: ovn_chassis.py tcp:ADDRESS:PORT   (the southbound database)

Keeps every chassis alive (nb_cfg) and claims each port binding whose chassis exists, so that ports become ACTIVE
and follow a live migration. There are no flows: no packet moves.
"""

import sys
import time

import ovs.db.idl
import ovs.jsonrpc
import ovs.poller
import ovs.stream

ADDRESS = sys.argv[1]
TABLES = ("SB_Global", "Chassis", "Chassis_Private", "Port_Binding", "HA_Chassis_Group", "HA_Chassis")
HEARTBEAT_MS = 20000


def get_schema():
    error, stream = ovs.stream.Stream.open_block(ovs.stream.Stream.open(ADDRESS))
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


def claim(idl):
    by_name = {}
    for chassis in idl.tables["Chassis"].rows.values():
        by_name[chassis.name] = by_name[chassis.hostname] = chassis
    changed = False
    for binding in idl.tables["Port_Binding"].rows.values():
        if binding.type not in ("", "chassisredirect"):
            continue
        wanted = wanted_chassis(binding, by_name)
        held = binding.chassis[0] if binding.chassis else None
        if wanted is None and held is not None:
            binding.chassis, binding.up, changed = [], [False], True
        elif wanted is not None and (held is None or held.uuid != wanted.uuid or binding.up != [True]):
            binding.chassis, binding.up, changed = [wanted], [True], True
    return changed


def step(idl):
    transaction = ovs.db.idl.Transaction(idl)
    beaten, claimed = beat(idl), claim(idl)
    if beaten or claimed:
        transaction.commit_block()
    else:
        transaction.abort()


def main():
    helper = ovs.db.idl.SchemaHelper(schema_json=get_schema())
    for table in TABLES:
        helper.register_table(table)
    idl = ovs.db.idl.Idl(ADDRESS, helper)
    seen, last = None, 0.0
    while True:
        idl.run()
        if idl.has_ever_connected() and (idl.change_seqno != seen or time.time() - last > 10):
            seen, last = idl.change_seqno, time.time()
            try:
                step(idl)
            except Exception as error:  # a lost race with northd; the next turn sees the new rows
                print("step:", repr(error), flush=True)  # noqa: T201 - this is its log
        poller = ovs.poller.Poller()
        idl.wait(poller)
        poller.timer_wait(5000)
        poller.block()


main()
