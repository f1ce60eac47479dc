"""What becomes of each setting in a duplicate: a pure function of the original, the target release, what the deployer can set, and the answers."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pumphouse.domain.confidential import is_secret_name
from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.settings import Fate, PlannedSetting, Settings
from pumphouse.workflows.duplicate_environment import rules
from pumphouse.workflows.duplicate_environment.proposals import PROPOSALS, Proposal, overlapping
from pumphouse.workflows.duplicate_environment.shapes import check_answer

CREDENTIALS: Final = "credentials"
VLANS: Final = "network.segmentation.vlan.ranges"
EXTERNAL: Final = "contents.external_networks"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: the release, what the deployer can set for it, answers by key, kinds of contents, and what other environments use."""

    release: str
    settable: Mapping[str, str]
    answers: Mapping[str, Any] = field(default_factory=dict)
    contents: Sequence[str] = ()
    taken: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedSettings:
    """Every setting with its fate, sorted by key; `unknown` are those that nobody tells and nobody can set: nothing is planned for them.
    `undecided` are those without which nothing can be built, `notes` say why there is no proposal.
    """

    settings: Sequence[PlannedSetting]
    unknown: Sequence[str] = ()
    undecided: Sequence[str] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    def of(self, fate: Fate) -> list[PlannedSetting]:
        """Those with that fate."""
        return [s for s in self.settings if s.fate is fate]

    def to_build(self, settable: Mapping[str, str]) -> dict[str, Any]:
        """The values that the deployer is given."""
        return {s.key: s.value for s in self.settings if s.key in settable and s.value is not None}


def plan_settings(original: Settings, wanted: Wanted) -> PlannedSettings:
    """The plan. Nothing is guessed: what is unknown stays unknown until it is answered.

    Raises:
        InvalidInputError: an answer to what nobody asks, to what cannot be set, of the wrong shape, or one that holds a secret.
    """
    _check_keys(original, wanted)
    planned: list[PlannedSetting] = [_credentials()]
    unknown, undecided, notes = [], [], {}
    for key in sorted({*original.values, *(k for k in wanted.answers if k != CREDENTIALS)}):
        found = original.values.get(key)
        if (found is None or not found.known) and key not in wanted.answers:
            if key in wanted.settable:
                planned.append(_nobody_knows(key))
            else:
                unknown.append(key)
            continue
        proposed, proposal = _fate(key, found.value if found and found.known else None, original, wanted)
        if proposal.note:
            notes[key] = proposal.note
        one = _answered(proposed, wanted)
        planned.append(one)
        if proposal.needed and one.value is None:
            undecided.append(key)
    return PlannedSettings(sorted(planned, key=lambda s: s.key), unknown, undecided, notes)


def shared_vlans(planned: PlannedSettings, original: Settings, taken: Sequence[Any]) -> bool:
    """Whether the duplicate would use VLANs that the original or another environment uses."""
    ours = next((s.value for s in planned.settings if s.key == VLANS), None) or ()
    return any(overlapping(ours, theirs or ()) for theirs in (original.value(VLANS), *taken))


def holds_to(setting: PlannedSetting) -> bool:
    """Whether the duplicate must be found with the planned value."""
    return setting.value is not None and setting.key != EXTERNAL and not setting.key.startswith("contents.")


def _fate(key: str, was: Any, original: Settings, wanted: Wanted) -> tuple[PlannedSetting, Proposal]:
    """The fate without regard to answers."""
    decision = rules.decision(key)
    asked = not key.startswith("contents.") or _kind_of(key) in wanted.contents
    if decision is not None and asked and was not in (None, [], {}):
        proposal = PROPOSALS[decision.propose](was, wanted.taken.get(key, ()))
        return PlannedSetting(key, Fate.DECIDE, proposal.value, was, decision.reason), proposal
    if key.startswith("contents."):
        # a plan is read by people: of contents it names what there is, and the rows are read again when they are furnished
        was = [str(row.get("name", "")) for row in was or ()]
    if asked and key.startswith("contents."):
        return PlannedSetting(key, Fate.COPIED, was, was, "furnished with the others of its kind"), Proposal(
            None
        )
    return _translated(key, was, original.release, wanted), Proposal(None)


def _translated(key: str, was: Any, release: str, wanted: Wanted) -> PlannedSetting:
    rule = rules.translation(key, release, wanted.release)
    if rule is not None and (rule.change != "replaced" or rule.applied(was) != was):
        return PlannedSetting(key, Fate.TRANSLATED, rule.applied(was), was, f"{rule.change}: {rule.reason}")
    observed = rules.observed(key)
    if observed is not None:
        return PlannedSetting(key, Fate.TRANSLATED, None, was, observed.reason)
    if key in wanted.settable:
        return PlannedSetting(key, Fate.COPIED, was, was)
    if rules.alike(key):
        return PlannedSetting(
            key, Fate.COPIED, was, was, "the deployer cannot set it; the duplicate is held to it all the same"
        )
    return PlannedSetting(
        key, Fate.TRANSLATED, None, was, "the deployer cannot set it: the new environment has its own default"
    )


def _answered(planned: PlannedSetting, wanted: Wanted) -> PlannedSetting:
    if planned.key not in wanted.answers:
        return planned
    value = wanted.answers[planned.key]
    if planned.fate is Fate.DECIDE:
        return replace(planned, value=value, answered=value is not None)
    if value == planned.value:
        return planned
    return replace(planned, fate=Fate.DECIDE, value=value, answered=True, reason="you decided it")


def _credentials() -> PlannedSetting:
    return PlannedSetting(
        CREDENTIALS,
        Fate.DECIDE,
        None,
        None,
        "all passwords and keys are made anew by the deployer; none is copied",
    )


def _nobody_knows(key: str) -> PlannedSetting:
    return PlannedSetting(
        key, Fate.DECIDE, None, None,
        "unknown in the original, and nothing is guessed: answer it, or the deployer's own default holds",
    )  # fmt: skip


def _check_keys(original: Settings, wanted: Wanted) -> None:
    for key, value in wanted.answers.items():
        if is_secret_name(key.rpartition(".")[2]) or (key == CREDENTIALS and value is not None):
            raise InvalidInputError(
                key,
                value,
                "is a secret, and those are made by the deployer",
                hint="leave it out",
                hidden=True,
            )
        if key == CREDENTIALS:
            continue
        known = {*original.values, *wanted.settable}
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "docs/settings.md lists all keys"
            raise InvalidInputError("answers", key, "there is no such setting", hint=hint)
        _check_settable(key, value, original, wanted)


def _check_settable(key: str, value: Any, original: Settings, wanted: Wanted) -> None:
    was = original.value(key)
    if key in wanted.settable or (key == EXTERNAL and _kind_of(key) in wanted.contents):
        if value is not None:
            check_answer(key, value, was)
        return
    planned, _ = _fate(key, was, original, wanted)
    if value not in (planned.value, None):
        raise InvalidInputError(
            key,
            value if isinstance(value, str | int | float) else str(value),
            f"the deployer cannot set this for {wanted.release}",
            hint=f"it can set: {', '.join(sorted(wanted.settable)) or 'nothing'}",
        )


CONTENT_KEYS: Final[Mapping[str, str]] = {
    "contents.domains": "domain",
    "contents.roles": "role",
    "contents.flavors": "flavor",
    "contents.volume_types": "volume_type",
    "contents.aggregates": "aggregate",
    "contents.external_networks": "external_network",
    "contents.images": "image",
}
"""Key of the settings -> kind of ports/settings.py."""


def _kind_of(key: str) -> str:
    return CONTENT_KEYS.get(key, "")
