"""What matters when nodes and tenants shall move from one environment to another, as findings; comparison.py calls it. Each rule is a function of both."""

from collections.abc import Callable, Iterator
from typing import Any

from pumphouse.domain.finding import Finding, critical, info, warning
from pumphouse.domain.settings import Settings

_NEEDED_TO_JUDGE = (
    "release.name",
    "network.tenant_types",
    "network.type_drivers",
    "network.mtu",
    "network.physical_networks",
    "compute.cpu_models",
    "compute.hypervisors",
)


def findings_of(left: Settings, right: Settings) -> list[Finding]:
    """All rules; critical ones first, then warnings."""
    found = [finding for rule in _RULES for finding in rule(left, right)]
    order = ("critical", "warning", "info")
    return sorted(found, key=lambda finding: order.index(finding.severity))


def is_older(release: str, than: str) -> bool:
    """Whether a release came before another: `zed` before `2023.1`, as names before numbers."""
    return _age(release) < _age(than)


def _age(release: str) -> tuple[bool, str]:
    return (release[:1].isdigit(), release)


def _older_release(left: Settings, right: Settings) -> Iterator[Finding]:
    mine, other = left.value("release.name"), right.value("release.name")
    if mine and other and is_older(other, mine):
        yield critical(
            "older-release",
            f"environment {right.environment}",
            f"{right.environment} runs {other}, which is older than {mine} of {left.environment}: tenants move to the same release or a newer one",
            f"compare the other way round: pumphouse env diff {right.environment} {left.environment}",
        )


def _services(left: Settings, right: Settings) -> Iterator[Finding]:
    for kind in _missing(left, right, "service.types"):
        yield critical(
            "service-missing",
            f"service {kind}",
            f"{right.environment} has no service {kind}; what tenants have in it cannot move there",
            f"install it in {right.environment}, or make sure that no tenant uses it",
        )


def _extensions(left: Settings, right: Settings) -> Iterator[Finding]:
    missing = _missing(left, right, "network.extensions")
    if missing:
        yield warning(
            "extension-missing",
            "network.extensions",
            f"Neutron of {right.environment} lacks {len(missing)} that {left.environment} has: {', '.join(missing)}",
            "tenants' networks that rely on them cannot be made the same; some were removed or renamed by newer releases",
        )


def _network_kinds(left: Settings, right: Settings) -> Iterator[Finding]:
    mine, other = left.value("network.tenant_types"), right.value("network.tenant_types")
    if mine and other and mine[0] != other[0]:
        yield warning(
            "tenant-network-kind",
            "network.tenant_types",
            f"tenants' networks become {mine[0]} in {left.environment}, but {other[0]} in {right.environment}",
            "their segment ids and MTUs change when they move",
        )
    makes = right.value("network.type_drivers")
    lacking = sorted(set(left.value("network.types_in_use", [])) - set(makes or ()))
    if makes is not None and lacking:
        yield critical(
            "network-kind-missing",
            "network.types_in_use",
            f"{left.environment} has networks of kinds that {right.environment} cannot make: {', '.join(lacking)}",
            f"add the type drivers to Neutron of {right.environment}",
        )
    for name in _missing(left, right, "network.physical_networks"):
        yield warning(
            "physical-network-missing",
            f"physical network {name}",
            f"{right.environment} has no physical network {name}, on which {left.environment} has or may have provider networks",
            f"map it in {right.environment}, or choose another for the networks on it",
        )


def _mtu(left: Settings, right: Settings) -> Iterator[Finding]:
    mine, other = left.value("network.mtu"), right.value("network.mtu")
    if mine and other and other < mine:
        yield warning(
            "mtu-smaller",
            "network.mtu",
            f"the physical networks of {right.environment} carry {other} bytes, those of {left.environment} {mine}: tenants' networks get smaller MTUs",
            f"raise global_physnet_mtu of {right.environment}, and the switches' with it",
        )
        return
    there = right.value("network.mtus_in_use", {})
    for kind, mtus in left.value("network.mtus_in_use", {}).items():
        if kind in there and max(mtus) > max(there[kind]):
            yield warning(
                "mtu-smaller",
                f"{kind} networks",
                f"{kind} networks of {left.environment} have MTUs up to {max(mtus)}, those of {right.environment} up to {max(there[kind])}",
                "servers that were told the larger one lose packets until they are told the smaller one",
            )


def _volume_types(left: Settings, right: Settings) -> Iterator[Finding]:
    told = [side.value("contents.volume_types") for side in (left, right)]
    if any(rows is None for rows in told):
        return
    mine, other = ({row["name"]: row for row in rows} for rows in told)
    missing = sorted(mine.keys() - other.keys())
    if missing:
        yield warning(
            "volume-type-missing",
            "contents.volume_types",
            f"{right.environment} has no volume types {', '.join(missing)}",
            "make them there, or map them to others when volumes move",
        )
    changed = sorted(name for name in mine.keys() & other.keys() if mine[name] != other[name])
    if changed:
        yield info(
            "volume-type-differs",
            "contents.volume_types",
            f"volume types of the same name differ in extra specs, QoS or encryption: {', '.join(changed)}",
            "see: pumphouse env diff -o yaml",
        )


def _volume_backends(left: Settings, right: Settings) -> Iterator[Finding]:
    kinds = sorted({row["type"] for row in left.value("storage.cinder.backends", [])})
    there = sorted({row["type"] for row in right.value("storage.cinder.backends", [])})
    if kinds and there and kinds != there:
        yield warning(
            "volume-backend-kind",
            "storage.cinder.backends",
            f"volumes live on {', '.join(kinds)} in {left.environment}, on {', '.join(there)} in {right.environment}",
            "their data has to be copied; no backend can hand a volume over",
        )


def _cpus(left: Settings, right: Settings) -> Iterator[Finding]:
    mine, other = (
        {(row["arch"], row["model"]) for row in side.value("compute.cpu_models") or ()}
        for side in (left, right)
    )
    foreign = sorted({arch for arch, _ in mine} - {arch for arch, _ in other})
    if mine and other and foreign:
        yield critical(
            "cpu-architecture",
            "compute.cpu_models",
            f"{right.environment} has no nodes of the architecture {', '.join(foreign)}",
            "servers of it cannot run there",
        )
    lacking = sorted(model for arch, model in mine - other if arch not in foreign)
    if mine and other and lacking:
        yield warning(
            "cpu-model",
            "compute.cpu_models",
            f"{left.environment} has CPUs that {right.environment} has not: {', '.join(lacking)}",
            "servers that were given features of the host's CPU may miss some there",
        )


def _hypervisors(left: Settings, right: Settings) -> Iterator[Finding]:
    mine, other = ({row["type"] for row in side.value("compute.hypervisors") or ()} for side in (left, right))
    lacking = sorted(mine - other)
    if mine and other and lacking:
        yield critical(
            "hypervisor-kind",
            "compute.hypervisors",
            f"{right.environment} has no hypervisor of the kind {', '.join(lacking)}",
            "images and disks of one kind seldom run on another: convert them",
        )


def _unjudged(left: Settings, right: Settings) -> Iterator[Finding]:
    for side in (left, right):
        keys = [key for key in _NEEDED_TO_JUDGE if key in side.values and not side.values[key].known]
        if keys:
            yield info(
                "not-known",
                f"environment {side.environment}",
                f"neither its cloud nor its deployer tells {', '.join(keys)}: what depends on it was not compared",
                f"a deployer that knows: pumphouse env set {side.environment} --deployer ...",
            )


def _missing(left: Settings, right: Settings, key: str) -> list[Any]:
    """Members of a list that the right one lacks; none when either is not known."""
    mine, other = left.value(key), right.value(key)
    return sorted(set(mine) - set(other)) if mine is not None and other is not None else []


Rule = Callable[[Settings, Settings], Iterator[Finding]]
_RULES: tuple[Rule, ...] = (
    _older_release,
    _services,
    _network_kinds,
    _mtu,
    _volume_types,
    _volume_backends,
    _hypervisors,
    _cpus,
    _extensions,
    _unjudged,
)
