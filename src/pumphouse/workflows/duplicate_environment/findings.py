"""What speaks against a duplicate, or wants to be read before; workflow.py and delete.py call it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pumphouse.domain.finding import Finding, critical, info, warning
from pumphouse.domain.settings import EnvironmentSpec, Fate, Settings
from pumphouse.workflows.duplicate_environment.planner import VLANS, PlannedSettings, shared_vlans
from pumphouse.workflows.duplicate_environment.rules import alike, is_release, order


def of_release(original: Settings, release: str, buildable: Sequence[str]) -> list[Finding]:
    """The same release or a newer one, which the deployer can build."""
    found = []
    if release not in buildable:
        known = ", ".join(buildable) or "none"
        found.append(
            critical(
                "release-not-built",
                f"release {release}",
                "the deployer of the original builds no environments of it",
                f"it builds: {known}",
            )
        )
    if not is_release(release):
        return found
    candidates = (
        [original.release] if is_release(original.release) else original.value("release.candidates", [])
    )
    if not candidates:
        found.append(
            critical(
                "release-unknown",
                original.environment,
                "its release is unknown, so nobody can say that the duplicate's is not older",
                f"see: pumphouse env settings {original.environment}",
            )
        )
    elif order(release) < order(candidates[-1]):
        text = (
            f"{original.environment} is {' or '.join(candidates)}: an older release may lack what it has, and"
            " nodes and tenants would be moved backwards"
        )
        found.append(critical("older-release", f"release {release}", text, "choose the same or a newer one"))
    return found


def of_name(
    name: str, registered: bool, built: EnvironmentSpec | None, spec: EnvironmentSpec
) -> list[Finding]:
    """The name is free, or it is what an earlier run has built, with the same settings."""
    if built is None:
        if not registered:
            return []
        text = "there is such an environment, and its deployer has not built it as a duplicate"
        return [critical("name-taken", name, text, "choose another name")]
    if built.release == spec.release and dict(built.settings) == dict(spec.settings):
        return [info("stands", name, "it was built before with the same settings: it is compared again")]
    keys = sorted(
        k for k in {*built.settings, *spec.settings} if built.settings.get(k) != spec.settings.get(k)
    )
    what = f"release {built.release}" if built.release != spec.release else ", ".join(keys)
    return [
        critical(
            "stands-otherwise",
            name,
            f"it was built before with other settings: {what}",
            f"apply the answers that it was built with, choose another name, or: pumphouse env delete {name} --yes",
        )
    ]


def of_settings(
    planned: PlannedSettings, original: Settings, taken: Sequence[Any], settable: Mapping[str, str]
) -> list[Finding]:
    """What must be decided, what was proposed, what nobody knows."""
    found = [
        critical("undecided", key, planned.notes.get(key, "it has no proposal"), f"decide: --set {key}=VALUE")
        for key in planned.undecided
    ]
    if shared_vlans(planned, original, taken):
        text = "the duplicate would use VLANs that the original or another environment uses"
        found.append(critical("shared-vlans", VLANS, text, f"choose others: --set {VLANS}=..."))
    found += _proposals(planned)
    for one in planned.settings:
        if alike(one.key) and one.key not in settable and one.value is not None:
            text = "the deployer cannot set it; the duplicate is held to it all the same"
            found.append(warning("not-settable", one.key, text))
    if planned.unknown:
        text = f"nobody tells, so nothing is planned for them: {', '.join(planned.unknown)}"
        found.append(info("unknown", original.environment, text))
    return found


def _proposals(planned: PlannedSettings) -> list[Finding]:
    """What is taken as proposed is said: automation is possible, and never silent."""
    found = []
    for one in planned.of(Fate.DECIDE):
        if one.value is not None and not one.answered:
            text = f"proposed: {one.value}. {one.reason}"
            found.append(warning("proposed", one.key, text, f"to decide otherwise: --set {one.key}=VALUE"))
    noted = [key for key in planned.notes if key not in planned.undecided]
    return [*found, *(warning("proposal", key, planned.notes[key]) for key in noted)]
