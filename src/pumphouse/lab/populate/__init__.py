"""A believable workload in a cloud of the lab, made through its public APIs; used by `lab populate`, the demo and the lab tests."""

from pumphouse.lab.populate.clear import clear
from pumphouse.lab.populate.logins import Login, TenantLogins
from pumphouse.lab.populate.plan import ServerPlan, TenantPlan, WorkloadPlan, make_plan
from pumphouse.lab.populate.run import PopulateReport, populate
from pumphouse.lab.populate.tasks import Outcome, Progress

__all__ = [
    "Login",
    "Outcome",
    "PopulateReport",
    "Progress",
    "ServerPlan",
    "TenantLogins",
    "TenantPlan",
    "WorkloadPlan",
    "clear",
    "make_plan",
    "populate",
]
