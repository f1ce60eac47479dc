"""QoS policies of Neutron with their rules; table.py opens it. A policy that a tenant only uses (the operator's, shared) is read by `named`.

Fields (tags: neutron/db/qos/models.py; a policy's being shared is an `rbac_share`):
    description: str
    is_default: bool, of its own project
    tags: [str], sorted
    rules: [{"type": str, ...}], sorted; type `bandwidth_limit` (max_kbps, max_burst_kbps, direction), `dscp_marking` (dscp_mark), `minimum_bandwidth`
        (min_kbps, direction), `packet_rate_limit` (max_kpps, max_burst_kpps, direction), `minimum_packet_rate` (min_kpps, direction)
Notes: shared, created_at, updated_at, revision_number.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.resource import ResourceKind
from pumphouse.drivers.openstack.resources.neutron_kind import NeutronKind, Row, picked
from pumphouse.drivers.openstack.transport import Params

_TOLD: Final[Mapping[str, Mapping[str, Any]]] = {
    "bandwidth_limit": {"max_kbps": None, "max_burst_kbps": 0, "direction": "egress"},
    "dscp_marking": {"dscp_mark": None},
    "minimum_bandwidth": {"min_kbps": None, "direction": "egress"},
    "packet_rate_limit": {"max_kpps": None, "max_burst_kpps": 0, "direction": "egress"},
    "minimum_packet_rate": {"min_kpps": None, "direction": "egress"},
}
"""Type -> what its rules say, with the values of a release that does not know them yet (SUB_RESOURCE_ATTRIBUTE_MAP in
neutron_lib/api/definitions/{qos,qos_bw_limit_direction,qos_pps_rule,qos_pps_minimum_rule}.py)."""


class QosPolicies(NeutronKind):
    """QoS policies."""

    kind = ResourceKind.QOS_POLICY
    path, one, many = "/qos/policies", "policy", "policies"
    # an administrator may give a tenant's network a policy that he has not shared
    lent: ClassVar[Params | None] = {}
    noted = ("shared",)

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {
            "description": row.get("description") or "",
            "is_default": bool(row.get("is_default")),
            "rules": sorted((_rule(rule) for rule in row.get("rules") or []), key=_order),
        }

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return picked(fields, "description", "is_default")

    @override
    def _completed(self, id: str, fields: Mapping[str, Any]) -> None:
        """Rules have requests of their own, one each; those that are not wanted go."""
        if "rules" not in fields:
            return
        row = self._http.get("network", f"{self.path}/{id}")[self.one]
        missing = list(fields["rules"])
        for there in row.get("rules") or []:
            if _rule(there) in missing:
                missing.remove(_rule(there))
            else:
                self._http.delete("network", f"{self.path}/{id}/{there['type']}_rules/{there['id']}")
        for rule in missing:
            values = {name: value for name, value in rule.items() if name != "type"}
            self._write("POST", f"{self.path}/{id}/{rule['type']}_rules", {f"{rule['type']}_rule": values})


def _rule(row: Mapping[str, Any]) -> dict[str, Any]:
    told = _TOLD.get(str(row["type"]), {})
    return {"type": row["type"], **{name: row.get(name, neutral) for name, neutral in told.items()}}


def _order(rule: Mapping[str, Any]) -> str:
    return str(sorted(rule.items()))
