"""Nova's in-tree fake driver, made to survive a restart. The preloader puts this folder into nova.virt's path.

It keeps a stable node identity, finds its guests again in Nova after a restart, keeps the power state of paused
and suspended guests, lets go of a guest that was live-migrated away, and gives each guest that was booted from an image a root
disk: a file (pumphouse_disks.py) that goes where the guest goes, and is what a snapshot uploads.
"""

import os
from pathlib import Path

import nova.conf
from nova import context as nova_context
from nova import objects
from nova.compute import power_state, vm_states
from nova.image import glance
from nova.virt import fake, pumphouse_disks
from nova.virt import node as virt_node

CONF = nova.conf.CONF

POWER_OF = {
    vm_states.PAUSED: power_state.PAUSED,
    vm_states.SUSPENDED: power_state.SUSPENDED,
    vm_states.STOPPED: power_state.SHUTDOWN,
}
NOT_HERE = {
    vm_states.BUILDING,
    vm_states.DELETED,
    vm_states.ERROR,
    vm_states.SHELVED_OFFLOADED,
    vm_states.SOFT_DELETED,
}
EMPTY_DISK = bytes(1024 * 1024)


class PumphouseFakeDriver(fake.FakeDriver):
    """The driver that the lab's compute nodes use; its size comes from the environment."""

    vcpus = int(os.environ.get("PUMPHOUSE_LAB_VCPUS", "16"))
    memory_mb = int(os.environ.get("PUMPHOUSE_LAB_RAM_MIB", "32768"))
    local_gb = int(os.environ.get("PUMPHOUSE_LAB_DISK_GB", "400"))

    # -- identity and restart

    @property
    def _disks(self):
        return pumphouse_disks.RootDisks(CONF.state_path)

    def init_host(self, host):
        super().init_host(host)
        guests = objects.InstanceList.get_by_host(
            nova_context.get_admin_context(), host, expected_attrs=["flavor"]
        )
        for guest in guests:
            if guest.vm_state not in NOT_HERE:
                self._keep(guest)

    def _keep(self, guest):
        flavor = guest.flavor
        self.resources.claim(vcpus=flavor.vcpus, mem=flavor.memory_mb, disk=flavor.root_gb)
        self.instances[guest.uuid] = fake.FakeInstance(guest.name, self._power_of(guest), guest.uuid)

    @staticmethod
    def _power_of(guest):
        return POWER_OF.get(guest.vm_state, power_state.RUNNING)

    def get_available_resource(self, nodename):
        resource = super().get_available_resource(nodename)
        if resource:
            resource["uuid"] = virt_node.get_local_node_uuid()
        return resource

    def get_nodenames_by_uuid(self, refresh=False):
        return {virt_node.get_local_node_uuid(): name for name in self.get_available_nodes()}

    # -- power states: the in-tree driver forgets them

    def _set_power(self, instance, state):
        if instance.uuid in self.instances:
            self.instances[instance.uuid].state = state

    def pause(self, instance):
        self._set_power(instance, power_state.PAUSED)

    def unpause(self, instance):
        self._set_power(instance, power_state.RUNNING)

    def suspend(self, context, instance):
        self._set_power(instance, power_state.SUSPENDED)

    def resume(self, context, instance, *args, **kwargs):
        self._set_power(instance, power_state.RUNNING)

    # -- root disks: nothing of a disk is kept in memory, so that a restart finds all as it was

    def spawn(self, context, instance, image_meta, *args, **kwargs):
        # A disk that is there is kept, be it another node's (evacuation): who wants a new one (rebuild, unshelve) has it destroyed first.
        if instance.image_ref and not self._disks.take(instance.uuid):
            self._write_disk(context, instance, image_meta)
        super().spawn(context, instance, image_meta, *args, **kwargs)

    def _write_disk(self, context, instance, image_meta):
        image_id = instance.image_ref
        if image_meta is not None and image_meta.obj_attr_is_set("id") and image_meta.id:
            image_id = image_meta.id
        images = glance.API()
        found = self._disks.image(image_id, lambda path: images.download(context, image_id, dest_path=path))
        self._disks.write(instance.uuid, found)

    def destroy(
        self, context, instance, network_info, block_device_info=None, destroy_disks=True, *args, **kwargs
    ):
        super().destroy(context, instance, network_info, block_device_info, destroy_disks, *args, **kwargs)
        if destroy_disks:
            self._disks.remove(instance.uuid)

    # -- cold migration

    def migrate_disk_and_power_off(self, context, instance, *args, **kwargs):
        answer = super().migrate_disk_and_power_off(context, instance, *args, **kwargs)
        self._disks.set_aside(instance.uuid)
        return answer

    def finish_migration(self, context, migration, instance, *args, **kwargs):
        self._disks.receive(instance.uuid)
        super().finish_migration(context, migration, instance, *args, **kwargs)

    def confirm_migration(self, context, migration, instance, network_info):
        super().confirm_migration(context, migration, instance, network_info)
        self._disks.confirm(instance.uuid)

    def finish_revert_migration(self, context, instance, *args, **kwargs):
        self._disks.revert(instance.uuid)
        super().finish_revert_migration(context, instance, *args, **kwargs)

    # -- live migration

    def post_live_migration_at_source(self, context, instance, network_info):
        if instance.uuid in self.instances:
            # the disk stays for the destination, which fetches it next
            self.destroy(context, instance, network_info, destroy_disks=False)

    def post_live_migration_at_destination(self, context, instance, network_info, *args, **kwargs):
        super().post_live_migration_at_destination(context, instance, network_info, *args, **kwargs)
        self._set_power(instance, self._power_of(instance))

    # -- snapshots: the bytes of the root disk

    def snapshot(self, context, instance, image_id, update_task_state):
        super().snapshot(context, instance, image_id, update_task_state)
        images = glance.API()
        record = images.get(context, image_id)
        metadata = {
            "name": record.get("name"),
            "disk_format": instance.system_metadata.get("image_disk_format") or "raw",
            "container_format": instance.system_metadata.get("image_container_format") or "bare",
            "status": "active",
            "properties": record.get("properties", {}),
        }
        disk = self._disks.find(instance.uuid)
        if disk is None:  # a guest from before there were disks, or one that was booted from a volume
            disk = self._empty_disk()
            metadata.update(disk_format="raw", container_format="bare")
        with disk.open("rb") as content:
            images.update(context, image_id, metadata, content)

    @staticmethod
    def _empty_disk():
        disk = Path(CONF.state_path) / "empty-disk"
        disk.write_bytes(EMPTY_DISK)
        return disk
