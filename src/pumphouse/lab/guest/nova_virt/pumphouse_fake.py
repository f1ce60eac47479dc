"""Nova's in-tree fake driver, made to survive a restart. The preloader puts this folder into nova.virt's path.

It keeps a stable node identity, finds its guests again in Nova after a restart, keeps the power state of paused
and suspended guests, lets go of a guest that was live-migrated away, and uploads real bytes for a snapshot.
"""

import os
from pathlib import Path

import nova.conf
from nova import context as nova_context
from nova import objects
from nova.compute import power_state, vm_states
from nova.image import glance
from nova.virt import fake
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

    # -- live migration

    def post_live_migration_at_source(self, context, instance, network_info):
        if instance.uuid in self.instances:
            self.destroy(context, instance, network_info)

    def post_live_migration_at_destination(self, context, instance, network_info, *args, **kwargs):
        super().post_live_migration_at_destination(context, instance, network_info, *args, **kwargs)
        self._set_power(instance, self._power_of(instance))

    # -- snapshots: the bytes of the image that the guest was made from, or an empty disk

    def snapshot(self, context, instance, image_id, update_task_state):
        super().snapshot(context, instance, image_id, update_task_state)
        images = glance.API()
        record = images.get(context, image_id)
        metadata = {
            "name": record.get("name"),
            "disk_format": "raw",
            "container_format": "bare",
            "status": "active",
            "properties": record.get("properties", {}),
        }
        # Through a file, as libvirt does it: the upload runs in another thread than the download.
        disk = Path(CONF.state_path) / f"snapshot-{image_id}"
        try:
            if instance.image_ref:
                source = images.get(context, instance.image_ref)
                metadata["disk_format"] = source.get("disk_format") or "raw"
                images.download(context, instance.image_ref, dest_path=str(disk))
            else:
                disk.write_bytes(EMPTY_DISK)
            with disk.open("rb") as content:
                images.update(context, image_id, metadata, content)
        finally:
            disk.unlink(missing_ok=True)
