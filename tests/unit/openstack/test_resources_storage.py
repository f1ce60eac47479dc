"""Drivers and declarations of images, volumes and snapshots: what is read can be made elsewhere and reads back equal."""

from typing import Any

import pytest

from pumphouse.domain.errors import CloudRefusedError, ConflictError
from pumphouse.domain.resource import Resource, ResourceKind, ref, refs, translated
from pumphouse.drivers.openstack.resources.image import Images
from pumphouse.drivers.openstack.resources.volume import Volumes
from pumphouse.drivers.openstack.resources.volume_snapshot import VolumeSnapshots
from pumphouse.workflows.migrate_tenant.kind import Choices
from pumphouse.workflows.migrate_tenant.kinds import image as image_kind
from pumphouse.workflows.migrate_tenant.kinds import volume as volume_kind
from tests.unit.openstack.storage_cloud import SNAPSHOT_OWNER, TENANT, StorageCloud

CHOICES = Choices()


def image(id: str, **more: Any) -> dict[str, Any]:
    row = {
        "id": id, "name": id, "status": "active", "visibility": "private", "protected": False, "os_hidden": False,
        "checksum": "c", "os_hash_algo": "sha512", "os_hash_value": "h" + id, "owner": "t1", "size": 100,
        "virtual_size": None, "container_format": "bare", "disk_format": "raw", "min_ram": 64, "min_disk": 1,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z", "tags": [], "self": "/x",
        "file": "/x/file", "schema": "/s",
    }  # fmt: skip
    return {**row, **more}


def full_image() -> dict[str, Any]:
    return image(
        "i1", name="Bild ü", visibility="shared", protected=True, os_hidden=True, tags=["z", "a", "pumphouse-furnished"],
        kernel_id="k1", ramdisk_id="r1", hw_disk_bus="scsi", **{
            "a/b~c": "odd", "owner_specified.openstack.sha256": "x", "os_glance_importing_to_stores": "", "stores": "file",
            "base_image_ref": "gone", "img_signature": "s", "img_signature_certificate_uuid": "u", "direct_url": "rbd://x",
        },
    )  # fmt: skip


def old_images() -> StorageCloud:
    cloud = StorageCloud("old")
    cloud.images = {"i1": full_image(), "k1": image("k1"), "r1": image("r1"), "x": image("x", owner="other")}
    cloud.members = {"i1": {"p2": "accepted", "p1": "pending"}}
    return cloud


IDS = {"image/k1": "K", "image/r1": "R", "project/p1": "P1", "project/p2": "P2"}


def only(resources: Any, id: str) -> Resource:
    return next(each for each in resources if each.id == id)


def test_an_image_made_and_finished_elsewhere_reads_back_as_translated() -> None:
    source = only(Images(old_images().reach()).of_tenant("t1"), "i1")
    new = StorageCloud("new")
    images = Images(new.reach())
    wanted = translated(source.fields, IDS)
    made = images.create("t9", source.name, wanted)
    row = new.images[made]
    assert (row["status"], row["visibility"], row["protected"], row["owner"]) == (
        "queued",
        "private",
        False,
        "t9",
    )
    assert made not in new.members
    row |= {"status": "active", "size": 100}
    images.update(made, wanted)
    assert only(images.of_tenant("t9"), made).fields == wanted
    assert only(images.of_tenant("t9"), made).name == "Bild ü"
    before = len(new.writes)
    images.update(made, wanted)
    assert len(new.writes) == before, "what is so already is not written"
    last = [body for method, _, body in new.writes if method == "PATCH"][-1]
    assert last == [{"op": "replace", "path": "/protected", "value": True}]


def test_what_is_the_source_clouds_own_is_noted_and_not_copied() -> None:
    source = only(Images(old_images().reach()).of_tenant("t1"), "i1")
    # what the SDK notes of an upload is a property like others: the bytes are the same, and it looks for it before it uploads again
    assert source.fields["properties"] == {"a/b~c": "odd", "hw_disk_bus": "scsi", "owner_specified.openstack.sha256": "x"}  # fmt: skip
    assert source.fields["tags"] == ["a", "z"]
    assert {"base_image_ref", "img_signature"} <= set(source.notes["not_copied"])
    assert any("signed" in words for words in source.notes["remarks"])
    assert set(refs(source.fields)) == {*IDS}
    assert source.notes["os_hash_value"] == "hi1"
    assert source.size_bytes == 100


def test_hidden_images_are_found_and_those_of_others_only_by_id() -> None:
    images = Images(old_images().reach())
    assert {each.id for each in images.of_tenant("t1")} == {"i1", "k1", "r1"}
    assert {each.id for each in images.named(["x", "i1", "gone"])} == {"x", "i1"}


def test_community_images_are_not_overlooked() -> None:
    cloud = old_images()
    cloud.images["c1"] = image("c1", visibility="community")
    assert "c1" in {each.id for each in Images(cloud.reach()).of_tenant("t1")}


def test_many_images_cost_two_lists_and_one_request_for_each_shared_one() -> None:
    cloud = old_images()
    cloud.images |= {f"n{n}": image(f"n{n}") for n in range(500)}
    Images(cloud.reach()).of_tenant("t1")
    assert sorted(cloud.reads) == ["/images", "/images", "/images/i1/members", "/projects/p1", "/projects/p2"]


def test_a_member_that_no_longer_exists_does_not_hold_up_the_image() -> None:
    cloud = old_images()
    cloud.gone = {"p1"}
    found = only(Images(cloud.reach()).of_tenant("t1"), "i1")
    assert found.fields["members"] == [{"project": ref(ResourceKind.PROJECT, "p2"), "status": "accepted"}]
    assert any("project p1" in words for words in found.notes["remarks"])


def test_members_beyond_the_wanted_are_removed_and_the_status_is_set() -> None:
    cloud = StorageCloud()
    cloud.images = {"i": image("i", visibility="shared")}
    cloud.members = {"i": {"a": "accepted", "b": "pending"}}
    Images(cloud.reach()).update(
        "i",
        {
            "members": [
                {"project": ref(ResourceKind.PROJECT, "b"), "status": "accepted"},
                {"project": ref(ResourceKind.PROJECT, "c"), "status": "pending"},
            ]
        },
    )
    assert cloud.members["i"] == {"b": "accepted", "c": "pending"}


def test_a_public_image_belongs_to_the_cloud() -> None:
    cloud = StorageCloud()
    source = Images(old_images().reach()).named(["k1"])[0]
    made = Images(cloud.reach()).create("t9", "k", {**source.fields, "visibility": "public"})
    assert cloud.images[made]["owner"] == "ours"


def test_a_protected_image_is_deleted_all_the_same_and_one_in_use_is_not() -> None:
    cloud = StorageCloud()
    cloud.images = {"i": image("i", protected=True), "used": image("used", status="in-use")}
    images = Images(cloud.reach())
    images.delete("i")
    images.delete("i")
    assert set(cloud.images) == {"used"}
    with pytest.raises(ConflictError):
        images.delete("used")


def test_an_image_of_the_cloud_is_known_by_name_and_bytes() -> None:
    source = Images(old_images().reach()).named(["k1"])[0]
    cloud = StorageCloud()
    cloud.images = {
        "same": image("same", name="k1", os_hash_value="hk1", owner="t9"),
        "other": image("other", name="k1", owner="t9"),
        "unfinished": image("unfinished", name="k1", os_hash_value="hk1", status="queued", owner="t9"),
    }
    choose = image_kind.KIND.chosen
    assert choose is not None
    offered = Images(cloud.reach()).candidates("t9", [source])
    assert len(offered) == 3
    chosen = choose(source, offered)
    assert chosen is not None
    assert chosen.id == "same"
    assert choose(source, [only(offered, "other"), only(offered, "unfinished")]) is None


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (image("a"), ""),
        (image("a", status="queued", size=None), ""),
        (image("a", status="deactivated"), "reactivate"),
        (image("a", status="killed"), "it is killed"),
        (image("a", size=0, block_device_mapping="[]"), "volume snapshots"),
        (image("a", cinder_encryption_key_id="k"), "encrypted"),
    ],
)
def test_images_that_cannot_move_say_why(row: dict[str, Any], words: str) -> None:
    cloud = StorageCloud("old")
    cloud.images = {"a": row}
    obstacle = image_kind.KIND.obstacle
    assert obstacle is not None
    said = obstacle(Images(cloud.reach()).named(["a"])[0], CHOICES)
    assert (words in said) if words else not said


def volume(id: str, **more: Any) -> dict[str, Any]:
    row = {
        "id": id, "name": id, "description": None, "size": 2, "status": "available", "bootable": "false", "encrypted": False,
        "multiattach": False, "volume_type": "fast", "volume_type_id": "vt", "availability_zone": "nova", "metadata": {},
        "attachments": [], TENANT: "t1", "updated_at": "2026-01-01", "created_at": "2026-01-01",
    }  # fmt: skip
    return {**row, **more}


def full_volume() -> dict[str, Any]:
    return volume(
        "v1", name="", description="d", bootable="true", metadata={"b": "2", "a": "1", "readonly": "True", "attached_mode": "rw"},
        volume_image_metadata={"image_id": "gone", "image_name": "x", "min_disk": "1", "kernel_id": "k", "img_signature": "s", "owner_specified.openstack.md5": ""},
        attachments=[{"server_id": "s2", "device": "/dev/vdb", "attachment_id": "y", "host_name": "h"}],
    )  # fmt: skip


VOLUME_IDS = {"volume_type/vt": "VT", "zone/volume/nova": "volume/az1"}


def old_volumes(**more: Any) -> StorageCloud:
    cloud = StorageCloud("old")
    cloud.volumes = {"v1": {**full_volume(), **more}, "x": volume("x", **{TENANT: "other"})}
    return cloud


def test_a_volume_made_and_finished_elsewhere_reads_back_as_translated() -> None:
    source = Volumes(old_volumes().reach()).of_tenant("t1")[0]
    new = StorageCloud("new")
    volumes = Volumes(new.reach())
    wanted = translated(source.fields, VOLUME_IDS)
    made = volumes.create("t9", source.name, wanted)
    assert new.volumes[made][TENANT] == "t9", "made with a token of the tenant"
    assert new.volumes[made]["availability_zone"] == "az1"
    found = volumes.named([made])[0].fields
    assert set(volume_kind.KIND.differences(wanted, found)) == {"read_only"}, "only after the data"
    volumes.update(made, wanted)
    assert volumes.named([made])[0].fields == wanted
    before = len(new.writes)
    volumes.update(made, wanted)
    assert len(new.writes) == before


def test_ids_and_the_administrators_own_are_left_out_of_a_volumes_fields() -> None:
    source = Volumes(old_volumes().reach()).of_tenant("t1")[0]
    assert source.fields["metadata"] == {"a": "1", "b": "2"}
    assert source.fields["image_metadata"] == {"image_name": "x", "min_disk": "1", "owner_specified.openstack.md5": ""}  # fmt: skip
    assert source.fields["read_only"] is True
    assert source.notes["attachments"] == [
        {"server": "s2", "device": "/dev/vdb", "attachment_id": "y", "host": "h"}
    ]
    assert source.size_bytes == 2 << 30


def test_reading_a_volume_ourselves_does_not_change_its_version_and_another_server_does() -> None:
    one = Volumes(old_volumes().reach()).of_tenant("t1")[0]
    touched = Volumes(old_volumes(updated_at="2026-02-02").reach()).of_tenant("t1")[0]
    moved = Volumes(old_volumes(attachments=[]).reach()).of_tenant("t1")[0]
    assert one.version == touched.version != moved.version


def test_an_old_cinder_that_names_only_the_type_is_asked_for_its_id() -> None:
    cloud = old_volumes(volume_type_id=None)
    cloud.volumes["x"][TENANT] = "t1"
    cloud.types = [{"id": "vt", "name": "fast"}]
    assert Volumes(cloud.reach()).named(["v1"])[0].fields["volume_type"] == ref(
        ResourceKind.VOLUME_TYPE, "vt"
    )


def test_a_volume_that_cannot_be_made_is_not_left_behind() -> None:
    new = StorageCloud()
    new.fate = "error"
    source = Volumes(old_volumes().reach()).of_tenant("t1")[0]
    with pytest.raises(CloudRefusedError, match="could not make volume"):
        Volumes(new.reach()).create("t9", "v", source.fields)
    assert not new.volumes


def test_a_volume_may_be_made_from_an_image() -> None:
    new = StorageCloud()
    source = Volumes(old_volumes().reach()).of_tenant("t1")[0]
    Volumes(new.reach()).create_from_image("t9", "v", source.fields, "img")
    assert new.writes[0][2]["volume"]["imageRef"] == "img"


def test_a_volume_in_use_is_not_deleted_and_one_that_is_gone_is_no_error() -> None:
    cloud = StorageCloud()
    cloud.volumes = {"v": volume("v", status="in-use")}
    volumes = Volumes(cloud.reach())
    with pytest.raises(ConflictError, match="in use"):
        volumes.delete("v")
    volumes.delete("gone")


@pytest.mark.parametrize(
    ("more", "words"),
    [({}, ""), ({"status": "in-use"}, ""), ({"status": "reserved"}, ""), ({"encrypted": True}, "Barbican"), ({"status": "error"}, "it is error")],
)  # fmt: skip
def test_volumes_that_cannot_move_say_why(more: dict[str, Any], words: str) -> None:
    obstacle = volume_kind.KIND.obstacle
    assert obstacle is not None
    said = obstacle(Volumes(old_volumes(**more).reach()).of_tenant("t1")[0], CHOICES)
    assert (words in said) if words else not said


@pytest.mark.parametrize(("version", "forced"), [("3.59", True), ("3.71", False)])
def test_snapshots_are_read_made_changed_and_removed(version: str, forced: bool) -> None:
    cloud = old_volumes()
    cloud.version = version
    cloud.snapshots = {
        "s": {"id": "s", "name": "n", "description": None, "volume_id": "v1", "size": 2, "status": "available", "metadata": {"k": "v"}, SNAPSHOT_OWNER: "t1"},
    }  # fmt: skip
    snapshots = VolumeSnapshots(cloud.reach())
    source = snapshots.of_tenant("t1")[0]
    made = snapshots.create("t1", "n", source.fields)
    assert cloud.writes[0][2]["snapshot"].get("force", False) is forced
    assert snapshots.named([made])[0].fields == source.fields
    snapshots.update(made, {"description": "new"})
    assert snapshots.named([made])[0].fields["description"] == "new"
    snapshots.delete(made)
    assert set(cloud.snapshots) == {"s"}
