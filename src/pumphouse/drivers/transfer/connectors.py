"""This machine's side of an attachment: os-brick's connectors, imported when they are first needed. attach.py asks; tests put others in place.

os-brick comes with `pip install pumphouse[transfer]`. It runs iscsiadm, mount, rbd and the like as root: directly when this process is root, else through sudo and
privsep-helper, which sudoers must then allow. Data is read and written by this process itself, so it has to be allowed to open the devices: run it as root.

What a volume becomes here:

* NFS and other file systems: a file below the share's mount point, `<mount_point_base>/<md5 of the share>/volume-<id>`; os-brick mounts the share unless it is
  mounted there already (os_brick/remotefs/remotefs.py, `mount`). In the lab Cinder's own mount point is a bind mount of the share's directory (lab/mounts.py), on the
  same machine: os-brick finds it in /proc/mounts, mounts nothing, and the path is the very file that Cinder has made.
* iSCSI, Fibre Channel, NVMe-oF: a block device. RBD: /dev/rbdN, by `rbd map` (`do_local_attach`), which needs the cluster's ceph.conf and keyring here.
"""

import os
import socket
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final, Protocol

from typing_extensions import override

from pumphouse.domain.errors import CloudRefusedError

_ROOT: Final = 0


class UnfitError(CloudRefusedError):
    """This volume cannot be read or written from this machine; another engine may."""


class Connectors(Protocol):
    """Attaches what a cloud has exported for us."""

    def hindrance(self) -> str:
        """Why this machine can attach nothing; "" when it can."""
        ...

    def properties(self) -> Mapping[str, Any]:
        """Who we are to the storage, as Cinder's attachments want it."""
        ...

    def connect(self, info: Mapping[str, Any]) -> Mapping[str, Any]:
        """Attach; answers what `disconnect` needs, with `path`.

        Raises:
            UnfitError: not possible here; says why.
        """
        ...

    def disconnect(self, info: Mapping[str, Any], device: Mapping[str, Any]) -> None:
        """Undo it."""
        ...


class BrickConnectors(Connectors):
    """os-brick."""

    def __init__(self) -> None:
        self._ready = False

    @override
    def hindrance(self) -> str:
        if find_spec("os_brick") is None:
            return "os-brick is not installed (pip install 'pumphouse[transfer]')"
        if os.geteuid() != _ROOT:
            return "this process may not open block devices: it does not run as root"
        return ""

    @override
    def properties(self) -> Mapping[str, Any]:
        from os_brick.initiator import connector

        self._set_up()
        found: Mapping[str, Any] = connector.get_connector_properties(
            _helper(), _own_address(), multipath=False, enforce_multipath=False, host=socket.gethostname()
        )
        return {**found, "mountpoint": "/pumphouse"}

    @override
    def connect(self, info: Mapping[str, Any]) -> Mapping[str, Any]:
        protocol = str(info.get("driver_volume_type") or "")
        if info.get("encrypted"):
            raise UnfitError("the volume is encrypted: its data would have to be opened with its key")
        try:
            found: Mapping[str, Any] = self._connector(protocol, info).connect_volume(dict(info))
        except Exception as error:  # os-brick, privsep and oslo raise whatever they please; nothing was done that disconnecting would undo
            raise UnfitError(f"os-brick cannot attach by {protocol}: {type(error).__name__}") from error
        if not isinstance(found.get("path"), str):
            raise UnfitError(f"os-brick gives no path for {protocol}")
        return found

    @override
    def disconnect(self, info: Mapping[str, Any], device: Mapping[str, Any]) -> None:
        protocol = str(info.get("driver_volume_type") or "")
        try:
            self._connector(protocol, info).disconnect_volume(dict(info), dict(device))
        except Exception as error:  # as above
            raise CloudRefusedError(
                f"os-brick cannot detach {device.get('path')}: {type(error).__name__}",
                hint="look at this machine's devices and mounts",
            ) from error

    def _connector(self, protocol: str, info: Mapping[str, Any]) -> Any:
        from os_brick.initiator import connector

        self._set_up()
        return connector.InitiatorConnector.factory(
            protocol, _helper(), use_multipath=False, conn=dict(info), do_local_attach=True
        )

    def _set_up(self) -> None:
        """Once: where os-brick locks, and that it need not ask sudo when we are root."""
        if self._ready:
            return
        import os_brick
        from os_brick import privileged
        from oslo_concurrency import lockutils
        from oslo_config import cfg

        locks = Path(gettempdir()) / f"pumphouse-locks-{os.geteuid()}"
        locks.mkdir(mode=0o700, exist_ok=True)
        lockutils.set_defaults(str(locks))
        cfg.CONF([], project="pumphouse-transfer", default_config_files=[])
        os_brick.setup(cfg.CONF)
        if os.geteuid() == _ROOT:
            privileged.default.set_client_mode(False)
        self._ready = True


def _helper() -> str:
    return "" if os.geteuid() == _ROOT else "sudo"


def _own_address() -> str:
    """The address from which this machine speaks to others; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
