"""Settings on the wire: how an environment is built, and two of them side by side. What the keys mean stands in docs/settings.md."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pumphouse.domain.comparison import Comparison, Difference
from pumphouse.domain.confidential import clean
from pumphouse.domain.settings import Setting, Settings
from pumphouse.wire.finding import FindingView
from pumphouse.wire.model import View


class SettingView(View):
    """One value, with the request or file that told it. `known` false: neither the cloud nor its deployer tells; then `value` is null and `source`
    says why.
    """

    value: Any = None
    known: bool = True
    source: str
    read_at: datetime

    @classmethod
    def of(cls, setting: Setting) -> Self:
        """The view of `setting`, without logins in URLs."""
        return cls(
            value=clean(setting.value),
            known=setting.known,
            source=str(clean(setting.source)),
            read_at=setting.read_at,
        )


class SettingsView(View):
    """All settings of one environment by their dotted keys, as of `read_at`; `schema_number` is raised when a key changes its meaning."""

    id: str
    name: str
    status: str = "ok"
    environment: str
    release: str
    schema_number: int
    read_at: datetime
    settings: Mapping[str, SettingView]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The view of `settings`."""
        return cls(
            id=settings.environment,
            name=settings.environment,
            environment=settings.environment,
            release=settings.release,
            schema_number=settings.schema,
            read_at=settings.read_at,
            settings={key: SettingView.of(setting) for key, setting in settings.values.items()},
        )


class DifferenceView(View):
    """One key that differs; `left` or `right` is null when that side has no such key. `own`: any two clouds differ in it. For lists, `only_left`,
    `only_right` and `changed` name the members, `changed` with the fields that differ.
    """

    key: str
    own: bool = False
    left: SettingView | None = None
    right: SettingView | None = None
    only_left: tuple[str, ...] = ()
    only_right: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = {}

    @classmethod
    def of(cls, found: Difference) -> Self:
        """The view of one difference."""
        return cls(
            key=found.key,
            own=found.own,
            left=None if found.left is None else SettingView.of(found.left),
            right=None if found.right is None else SettingView.of(found.right),
            only_left=found.only_left,
            only_right=found.only_right,
            changed=found.changed,
        )


class DiffView(View):
    """Two environments side by side. `status` is `same`, `different`, or `blocked` when a critical finding speaks against moving nodes and tenants
    from `left` to `right`. `equal` counts the keys that are the same; `unknown` names those that at least one side does not know.
    """

    id: str
    name: str
    status: str
    left: str
    right: str
    left_read_at: datetime
    right_read_at: datetime
    findings: tuple[FindingView, ...]
    differences: tuple[DifferenceView, ...]
    equal: int
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, found: Comparison) -> Self:
        """The view of a comparison."""
        left, right = found.left.environment, found.right.environment
        findings = tuple(FindingView.model_validate(finding) for finding in found.findings)
        blocked = any(finding.severity == "critical" for finding in findings)
        return cls(
            id=f"{left}/{right}",
            name=f"{left} and {right}",
            status="blocked" if blocked else "different" if found.differences else "same",
            left=left,
            right=right,
            left_read_at=found.left.read_at,
            right_read_at=found.right.read_at,
            findings=findings,
            differences=tuple(DifferenceView.of(one) for one in found.differences),
            equal=len(found.equal),
            unknown=found.unknown,
        )
