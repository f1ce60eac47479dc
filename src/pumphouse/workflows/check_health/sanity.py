"""The sanity set: every list answers, every service runs. It changes nothing. Names follow Fuel's health check (docs/health.md)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from pumphouse.domain.environment import ServiceState
from pumphouse.domain.errors import DeadlineError, PermanentError
from pumphouse.ports.workbench import Listing
from pumphouse.workflows.check_health.check import Check, SkippedCheck, Trial, demand

SERVICES_S: Final = 60.0
"""Fuel looked a second time after a minute: a service that was just restarted has not reported yet."""
NEEDED: Final = ("nova-scheduler", "nova-conductor")


def _list(listing: Listing, trial: Trial) -> str | SkippedCheck:
    if not trial.bench.offers(listing):
        return SkippedCheck(f"the cloud has no service that knows {listing}")
    count = trial.bench.count(listing)
    return "answered" if listing is Listing.LIMITS else f"{count} {listing}"


def _services_running(trial: Trial) -> str:
    found = _without_down(trial, lambda s: s.kind in {"compute", "volume"})
    missing = [name for name in NEEDED if not any(s.binary == name for s in found)]
    demand(not missing, f"no {' and no '.join(missing)} has ever reported")
    return f"{len(found)} services are up"


def _agents_alive(trial: Trial) -> str:
    found = _without_down(trial, lambda s: s.kind == "network")
    return f"{len(found)} agents are alive"


def _without_down(trial: Trial, wanted: Callable[[ServiceState], bool]) -> Sequence[ServiceState]:
    """The services once none is down. A service counts that is disabled, too: one that has left for good must be deleted."""
    found: list[ServiceState] = []

    def probe() -> bool | None:
        found[:] = [s for s in trial.cloud.services() if wanted(s)]
        return all(s.up for s in found) or None

    try:
        trial.ctx.poll(probe, what="all services to be up", deadline_s=SERVICES_S, interval_s=2.0)
    except DeadlineError as error:
        down = [f"{s.binary} on {s.host}" for s in found if not s.up]
        if not down:
            raise
        raise PermanentError(
            f"down for {SERVICES_S:.0f} s: {', '.join(down)}",
            hint="start them, or delete the records of those that have left for good",
        ) from error
    return found


def _not_on_nodes(trial: Trial) -> SkippedCheck:
    del trial
    return SkippedCheck("Pumphouse does not log in to nodes")


_LISTS: Final = (
    ("list_servers", "Request the list of servers", Listing.SERVERS),
    ("list_images", "Request the list of images", Listing.IMAGES),
    ("list_volumes", "Request the list of volumes", Listing.VOLUMES),
    ("list_volume_snapshots", "Request the list of volume snapshots", Listing.VOLUME_SNAPSHOTS),
    ("list_flavors", "Request the list of flavors", Listing.FLAVORS),
    ("absolute_limits", "Request the absolute limits", Listing.LIMITS),
    ("list_compute_services", "Request the list of compute services", Listing.COMPUTE_SERVICES),
    ("list_hypervisors", "Request the list of hypervisors", Listing.HYPERVISORS),
    ("list_users", "Request the list of users", Listing.USERS),
    ("list_networks", "Request the list of networks", Listing.NETWORKS),
)
_LISTS_OF_OTHERS: Final = (
    ("list_stacks", "Request the list of stacks (Heat)", Listing.STACKS),
    ("list_metrics", "Request the list of metrics (telemetry)", Listing.METRICS),
    ("list_alarms", "Request the list of alarms (telemetry)", Listing.ALARMS),
    ("list_events", "Request the list of events (telemetry)", Listing.EVENTS),
    ("list_applications", "Request the list of application environments (Murano)", Listing.APPLICATIONS),
    ("list_cluster_templates", "Request the list of cluster templates (Sahara)", Listing.CLUSTER_TEMPLATES),
    ("list_baremetal_nodes", "Request the list of bare metal nodes (Ironic)", Listing.BAREMETAL_NODES),
)

SANITY: Final[Sequence[Check]] = (
    *(Check(name, title, partial(_list, listing)) for name, title, listing in _LISTS),
    Check("services_running", "Required services are running", _services_running),
    Check("agents_alive", "Network agents are alive", _agents_alive),
    *(Check(name, title, partial(_list, listing)) for name, title, listing in _LISTS_OF_OTHERS),
    Check("internet_from_nodes", "Internet connectivity from a node", _not_on_nodes),
    Check("dns_from_nodes", "DNS resolution on a node", _not_on_nodes),
)
