"""Makes a tenant's volumes, empty or with an image's bytes, as the tenant itself. Used by `run`."""

from openstack.block_storage.v3.volume import Volume

from pumphouse.lab.errors import LabError
from pumphouse.lab.populate.door import Door
from pumphouse.lab.populate.images import find_image
from pumphouse.lab.populate.plan import MARK, TenantPlan, VolumePlan
from pumphouse.lab.populate.tasks import Outcome
from pumphouse.lab.waiting import wait_until

READY_S = 180.0


def find_volume(tenant: Door, name: str) -> Volume | None:
    """The tenant's volume of that name."""
    return next(iter(tenant.block_storage.volumes(name=name)), None)


def ensure_volume(tenant: Door, project_id: str, owner: TenantPlan, plan: VolumePlan) -> Outcome:
    """The volume, available or in use; one in error is replaced."""
    outcome = Outcome.MADE
    volume = find_volume(tenant, plan.name)
    if volume is not None and volume.status in {"available", "in-use", "attaching", "reserved"}:
        return Outcome.KEPT
    if volume is not None and volume.status.startswith("error"):
        tenant.block_storage.delete_volume(volume)
        wait_until(
            lambda: find_volume(tenant, plan.name) is None,
            what=f"delete volume {plan.name}",
            timeout_s=60,
            poll_s=1,
        )
        volume, outcome = None, Outcome.REPAIRED
    if volume is None:
        image_id = None
        if plan.image:
            image = find_image(tenant, owner.image, project_id)
            image_id = image.id if image else None
        volume = tenant.block_storage.create_volume(
            name=plan.name, size=plan.size_gib, description=MARK, image_id=image_id
        )
    wait_until(
        lambda: _ready(tenant, str(volume.id), plan.name),
        what=f"volume {plan.name}",
        timeout_s=READY_S,
        poll_s=1.5,
    )
    return outcome


def _ready(tenant: Door, volume_id: str, name: str) -> bool:
    status = tenant.block_storage.get_volume(volume_id).status
    if status.startswith("error"):
        raise LabError(
            f"volume {name} ended in {status}", hint="`pumphouse lab logs cinder-volume` says why."
        )
    return bool(status in {"available", "in-use"})
