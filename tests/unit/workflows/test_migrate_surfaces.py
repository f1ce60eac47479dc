"""What people see of the real migration on clouds in memory: its plan as a file and back, and its report."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pumphouse.cli import plan_file
from pumphouse.domain.errors import CloudRefusedError
from pumphouse.domain.migration import REPORT_MEMORY
from pumphouse.domain.operation import Operation
from pumphouse.domain.report import Report, report
from pumphouse.domain.report_page import page
from pumphouse.domain.resource import ResourceKind
from pumphouse.wire.finding import PlanView
from pumphouse.wire.migration import MigrateRequest, ReportView
from tests.unit.workflows.migrate_rig import MigrateRig

K = ResourceKind


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[MigrateRig]:
    built = MigrateRig(tmp_path)
    yield built
    built.close()


def params(rig: MigrateRig, **more: Any) -> dict[str, Any]:
    return {"environment": "old", "tenant": rig.tenant, "name": "acme", "destination": "new", **more}


def planned(rig: MigrateRig, **more: Any) -> PlanView:
    plan = rig.engine.plan("migrate_tenant", params(rig, **more))
    return PlanView.of(plan, params(rig))


def asked(file: plan_file.PlanFile) -> Mapping[str, Any]:
    """What goes over the wire, as the API hands it to the workflow."""
    wanted = MigrateRequest.model_validate({"destination": file.destination, **file.request})
    return wanted.model_dump(mode="json", exclude_none=True, exclude={"destination"})


def written(rig: MigrateRig, path: Path, plan: PlanView) -> None:
    plan_file.write(
        path, plan, environment="old", tenant=rig.tenant, name="acme", destination="new", request={}, overwrite=False
    )  # fmt: skip


def told(rig: MigrateRig, operation: Operation) -> Report:
    stores = rig.stores
    return report(
        rig.moves(), stores.operation(operation.id), stores.items(operation.id, limit=None),
        stores.memory(operation.id).get(REPORT_MEMORY, {}),
        source="old", tenant_id=rig.tenant, tenant_name="acme", destination="new", now=rig.clock.now(),
    )  # fmt: skip


@pytest.mark.crash
def test_a_plan_survives_its_file(rig: MigrateRig, tmp_path: Path) -> None:
    plan = planned(rig)
    assert plan.migration is not None
    assert plan.migration.names["external_network"] == {"public": "public"}
    written(rig, tmp_path / "p.yaml", plan)
    file = plan_file.read(tmp_path / "p.yaml")
    again = planned(rig, **asked(file))
    assert not again.blocked, again.findings
    assert plan_file.changed(file, again) == []
    done = rig.run(**asked(file))
    assert done.status == "done", rig.errors(done)


@pytest.mark.crash
def test_what_is_left_in_the_file_is_left(rig: MigrateRig, tmp_path: Path) -> None:
    written(rig, tmp_path / "p.yaml", planned(rig))
    document = yaml.safe_load((tmp_path / "p.yaml").read_text())
    for row in document["resources"]:
        if row["name"] in {"web-2", "laptop"}:
            row["action"] = "leave"
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(document))
    file = plan_file.read(tmp_path / "p.yaml")
    plan = planned(rig, **asked(file))
    assert plan_file.changed(file, plan) == []
    done = rig.run(**asked(file))
    assert {n.name for n in told(rig, done).not_moved} == {"web-2", "laptop"}
    assert [r.name for r in rig.there.made(K.SERVER)] == ["web-1"]


@pytest.mark.crash
def test_a_source_that_has_changed_is_refused(rig: MigrateRig, tmp_path: Path) -> None:
    written(rig, tmp_path / "p.yaml", planned(rig))
    rig.source.change(rig.one(K.SECURITY_GROUP, "default").key, description="new")
    plan = planned(rig, **asked(plan_file.read(tmp_path / "p.yaml")))
    assert "source-changed" in [f.code for f in plan.findings if f.severity == "critical"]


@pytest.mark.crash
def test_the_report_of_a_whole_migration(rig: MigrateRig) -> None:
    done = rig.run()
    found = told(rig, done)
    assert found.status == "verified"
    assert not found.not_moved
    assert [o.name for o in found.for_owners] == ["yesterday", "ci", "ann"]
    by_name = {m.name: m for m in found.moved if m.kind in {K.IMAGE, K.VOLUME}}
    assert all(by_name[name].digest for name in ("linux", "free", "used")), by_name
    assert found.moved_bytes > 0
    view = ReportView.of(found)
    assert ReportView.model_validate_json(view.model_dump_json()) == view
    text = page(found)
    assert "203.0.113.5" in text
    assert ">None<" not in text


@pytest.mark.crash
def test_the_report_says_what_failed_until_a_retry_has_moved_it(rig: MigrateRig) -> None:
    def fault(where: str) -> None:
        if "new: before create server web-1" in where:
            raise CloudRefusedError("no valid host")

    rig.fault = fault
    done = rig.run()
    found = told(rig, done)
    assert found.status == "errors"
    (failed,) = [n for n in found.not_moved if n.failed]
    assert (failed.kind, failed.name) == ("server", "web-1")
    assert "no valid host" in failed.why
    rig.fault = lambda where: None
    rig.retry(done)
    found = told(rig, done)
    assert (found.status, list(found.not_moved)) == ("verified", [])


@pytest.mark.crash
def test_the_report_says_what_cannot_move(rig: MigrateRig) -> None:
    rig.source.change(rig.one(K.SERVER, "web-1").key, broken=True)
    found = told(rig, rig.run())
    assert found.status == "partial"
    assert "it is in state ERROR" in [n.why for n in found.not_moved if n.kind == "server"]
