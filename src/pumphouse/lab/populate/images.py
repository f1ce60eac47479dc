"""Makes flavors, the public image and tenants' images with real, reproducible bytes. Used by `run`."""

import hashlib
import random

from openstack.image.v2.image import Image

from pumphouse.lab.populate.door import Door
from pumphouse.lab.populate.plan import MARK, FlavorPlan, ImagePlan
from pumphouse.lab.populate.tasks import Outcome

MIB = 1024 * 1024


def image_bytes(name: str, size_mib: int) -> bytes:
    """The content of an image: pseudo-random, the same for the same name, so that a copy elsewhere can be compared."""
    return random.Random(f"pumphouse {name}").randbytes(size_mib * MIB)  # noqa: S311 - content, not a secret


def ensure_flavor(admin: Door, flavor: FlavorPlan) -> Outcome:
    """A public flavor of that name."""
    if admin.compute.find_flavor(flavor.name, ignore_missing=True) is not None:
        return Outcome.KEPT
    admin.compute.create_flavor(
        name=flavor.name, vcpus=flavor.vcpus, ram=flavor.ram_mib, disk=flavor.disk_gib, description=MARK
    )
    return Outcome.MADE


def find_image(connection: Door, image: ImagePlan, owner: str) -> Image | None:
    """Our image by name and owner; names are not unique in Glance."""
    found = [i for i in connection.image.images(name=image.name) if owner in ("", i.owner_id)]
    return found[0] if found else None


def ensure_image(connection: Door, image: ImagePlan, project_id: str) -> Outcome:
    """The image, active, with its bytes; one whose upload was cut off is replaced."""
    content = image_bytes(image.name, image.size_mib)
    outcome = Outcome.MADE
    found = find_image(connection, image, project_id if image.tenant else "")
    if found is not None:
        if found.status == "active" and found.hash_value == hashlib.sha512(content).hexdigest():
            return Outcome.KEPT
        connection.image.delete_image(found, ignore_missing=True)
        outcome = Outcome.REPAIRED
    connection.image.create_image(
        image.name,
        data=content,
        container_format="bare",
        disk_format="raw",
        visibility="private" if image.tenant else "public",
        min_disk=1,
        validate_checksum=False,
        wait=True,
        timeout=120,
        meta={"pumphouse_lab": MARK},
    )
    return outcome
