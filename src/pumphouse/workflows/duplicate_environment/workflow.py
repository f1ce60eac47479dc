"""The workflow `duplicate_environment`: parameters, plan and steps; docs/duplication.md is its book."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import InvalidInputError, PumphouseError
from pumphouse.domain.plan import Plan, PlannedItem
from pumphouse.domain.settings import DUPLICATING, EnvironmentSpec
from pumphouse.engine.step import Step
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.workflows.duplicate_environment import findings as find
from pumphouse.workflows.duplicate_environment import rules
from pumphouse.workflows.duplicate_environment.document import of_deployer, packed, read_settings
from pumphouse.workflows.duplicate_environment.furnishing import FURNISHING, differing
from pumphouse.workflows.duplicate_environment.planner import (
    EXTERNAL,
    VLANS,
    PlannedSettings,
    Wanted,
    plan_settings,
)
from pumphouse.workflows.duplicate_environment.steps import (
    Build,
    Compare,
    Discover,
    HandOver,
    Record,
    Register,
    registered,
)
from pumphouse.workflows.parameters import Parameters

NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
BUILD_S, LOOK_S, ITEM_S = 180.0, 20.0, 1.5


class DuplicateEnvironment(Workflow):
    """Build a new environment like another one, under a given release, and prove that it is like it."""

    kind: ClassVar[str] = DUPLICATING

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        read = Parameters(params)
        original = read.text("environment")
        name = read.text("name")
        if not re.fullmatch(NAME, name):
            raise InvalidInputError(
                "name",
                name,
                "must be 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit",
            )
        if name == original:
            raise InvalidInputError("name", name, "must be another name than the original's")
        read.text("release", longest=32)
        read.known["answers"] = _answers(params.get("answers", {}))
        read.known["contents"] = _contents(params.get("contents", []))
        read.choice("on_failure", ("pause", "undo"), "pause")
        return read.end()

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return f"duplicate {params['environment']} as {params['name']} under {params['release']}"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def subject(self, params: Mapping[str, Any]) -> str:
        return str(params["name"])

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        # two at once of the same original would be proposed the same VLANs
        return [f"environment:{params['name']}", f"duplicating:{params['environment']}"]

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        original_name, name, release = params["environment"], params["name"], params["release"]
        deployer = ctx.tools.deployer(original_name)
        original = read_settings(ctx.tools, original_name, ctx.clock.now())
        settable = deployer.settable(release)
        built = deployer.built(name)
        taken = _vlans_of_others(ctx, {original_name, name})
        planned = plan_settings(
            original,
            Wanted(
                release,
                settable,
                {**_decided_before(built), **params["answers"]},
                [step.kind for kind in params["contents"] for step in FURNISHING[kind]],
                {VLANS: taken},
            ),
        )
        spec = EnvironmentSpec(name, release, planned.to_build(settable))
        known = registered(ctx.tools, name) is not None
        items = _items(ctx, params, planned, stands=built is not None and known)
        findings = [
            *find.of_release(original, release, deployer.releases()),
            *find.of_name(name, known, built, spec),
            *find.of_settings(planned, original, taken, settable),
        ]
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=_summary(planned, items, standing=built is not None),
            steps=self.planned_steps(params),
            items=items,
            findings=findings,
            estimate_s=BUILD_S + 2 * LOOK_S + ITEM_S * len(items),
            decisions={
                "spec": {"name": name, "release": release, "settings": spec.settings},
                "settings": [packed(one) for one in planned.settings],
                "unknown": list(planned.unknown),
                "standing": built is not None,
            },
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        furnishing = [
            step() for kind in FURNISHING if kind in params["contents"] for step in FURNISHING[kind]
        ]
        return [Record(), Build(), Register(), Discover(), Compare(), *furnishing, HandOver()]


def _answers(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not all(isinstance(key, str) and key for key in given):
        raise InvalidInputError("answers", given, "must be a mapping from settings to values")
    return dict(given)


def _contents(given: Any) -> list[str]:
    if not isinstance(given, list | tuple):
        raise InvalidInputError("contents", given, "must be a list of kinds")
    for kind in given:
        if kind not in FURNISHING:
            raise InvalidInputError("contents", kind, f"must be some of: {', '.join(FURNISHING)}")
    return [kind for kind in FURNISHING if kind in given]


def _decided_before(built: EnvironmentSpec | None) -> dict[str, Any]:
    """What stands already was decided: planning it again must not propose otherwise."""
    if built is None:
        return {}
    return {key: value for key, value in built.settings.items() if rules.decision(key) is not None}


def _vlans_of_others(ctx: PlanContext, but: set[str]) -> list[Any]:
    """The VLANs that other environments' deployers know to be theirs; one that does not answer is asked again when it is duplicated itself."""
    found = []
    for environment in ctx.tools.environments.environments():
        if environment.name in but:
            continue
        try:
            ranges = of_deployer(ctx.tools, environment.name).get(VLANS)
        except PumphouseError:
            continue
        if ranges and ranges[0]:
            found.append(ranges[0])
    return found


def _items(
    ctx: PlanContext, params: Mapping[str, Any], planned: PlannedSettings, *, stands: bool
) -> list[PlannedItem]:
    kinds = [step.kind for kind in params["contents"] for step in FURNISHING[kind]]
    decided = {s.key: s.value for s in planned.settings}
    items = []
    for kind in kinds:
        rows = (
            decided.get(EXTERNAL) or ()
            if kind == "external_network"
            else ctx.tools.furnisher(params["environment"]).contents(kind)
        )
        there = {r["name"]: r for r in ctx.tools.furnisher(params["name"]).contents(kind)} if stands else {}
        items += [_item(kind, row, there.get(row["name"]), params["name"], stands=stands) for row in rows]
    return items


def _item(
    kind: str, row: Mapping[str, Any], there: Mapping[str, Any] | None, target: str, *, stands: bool
) -> PlannedItem:
    wrong = differing(kind, row, there or row)
    if wrong:
        method, reason = "cannot", f"there is another one: {', '.join(wrong)} differ"
    elif there is not None and kind != "quota":
        method, reason = "keep", "it is there already, and the same"
    else:
        method, reason = "make", "" if stands else "kept where the new cloud comes with the same one"
    return PlannedItem(f"{kind}/{row['name']}", str(row["name"]), kind, method, target, ITEM_S, reason)


def _summary(planned: PlannedSettings, items: Sequence[PlannedItem], *, standing: bool) -> str:
    counts: dict[str, int] = {}
    for one in planned.settings:
        counts[str(one.fate)] = counts.get(str(one.fate), 0) + 1
    parts = [f"{number} {fate}" for fate, number in sorted(counts.items())]
    if planned.unknown:
        parts.append(f"{len(planned.unknown)} unknown")
    text = "it stands already and is compared again" if standing else "a controller is built"
    return f"{text}; settings: {', '.join(parts)}" + (f"; {len(items)} contents" if items else "")
