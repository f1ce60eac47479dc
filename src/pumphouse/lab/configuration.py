"""Writes the configuration of a cloud's services from `templates/` and the release's own `[settings]`.

Called by `bringup` for a cloud and by `nodes` for a compute node. Writing again gives the same files.
"""

import shutil
from pathlib import Path
from string import Template

from pumphouse.lab import options
from pumphouse.lab.choices import Choices
from pumphouse.lab.layout import Layout
from pumphouse.lab.mariadb import database_url
from pumphouse.lab.passwords import CloudPasswords, fernet_key
from pumphouse.lab.rabbitmq import transport_url
from pumphouse.lab.release import HERE, Release
from pumphouse.lab.topology import write_atomically

TEMPLATES = HERE / "templates"
DATABASES = ("keystone", "glance", "placement", "nova_api", "nova", "nova_cell0", "neutron", "cinder")
SERVICES = ("keystone", "placement", "glance", "nova", "neutron", "cinder")
SERVICE_USERS = ("nova", "neutron", "glance", "cinder", "placement")
MAIN_FILE = {
    "keystone": "keystone.conf",
    "placement": "placement.conf",
    "glance": "glance-api.conf",
    "nova": "nova.conf",
    "neutron": "neutron.conf",
    "cinder": "cinder.conf",
}
# Files that a release brings along and its services read beside their configuration.
SHIPPED = {
    "glance": ("*.ini",),
    "nova": ("api-paste.ini",),
    "neutron": ("api-paste.ini",),
    "cinder": ("api-paste.ini", "resource_filters.json", "rootwrap.conf"),
}
CLOUD_DIRS = (
    "tmp", "lock", "keystone", "volumes", "glance/images", "glance/staging", "glance/tasks",
    "state/nova", "state/neutron", "state/cinder/conversion", "nodes",
)  # fmt: skip


class Configuration:
    """The configuration files of one cloud."""

    def __init__(
        self, layout: Layout, passwords: CloudPasswords, release: Release, venv: Path, cloud: str, index: int,
        choices: Choices | None = None,
    ) -> None:  # fmt: skip
        self._layout = layout
        self._choices = choices or Choices()
        self._release = release
        self._venv = venv
        self._cloud = cloud
        etc = layout.cloud_dir(cloud) / "etc"
        self._values = {
            "cloud": cloud,
            "venv": str(venv),
            "cloud_dir": str(layout.cloud_dir(cloud)),
            "etc": str(etc),
            "transport_url": transport_url(layout, passwords, cloud),
            "service_password": passwords.service,
            "keystone_url": layout.url(index, "keystone"),
            "glance_url": layout.url(index, "glance"),
            "glance_port": str(layout.cloud_port(index, "glance")),
            "nova_port": str(layout.cloud_port(index, "nova-api")),
            "neutron_port": str(layout.cloud_port(index, "neutron")),
            "cinder_port": str(layout.cloud_port(index, "cinder-api")),
            "ovn_nb_port": str(layout.cloud_port(index, "ovn-nb")),
            "ovn_sb_port": str(layout.cloud_port(index, "ovn-sb")),
            **{f"db_{name}": self.database_url(name) for name in DATABASES},
        }

    def database(self, name: str) -> str:
        """The database of this cloud that holds `name`. Keystone's migrations write it into SQL without quotes, where a '-' is no part of a name."""
        return f"{self._cloud.replace('-', '_')}_{name}"

    def database_url(self, name: str) -> str:
        return database_url(self._layout.mysql_socket, self.database(name))

    def node_file(self, node: str) -> Path:
        """The configuration file of the nova-compute of `node`."""
        return self._layout.node_dir(self._cloud, node) / "nova-compute.conf"

    def file(self, service: str) -> Path:
        return self._layout.etc_dir(self._cloud, service) / MAIN_FILE[service]

    def write(self) -> None:
        """Write everything but the nodes' files, and make the directories that the services expect."""
        for name in CLOUD_DIRS:
            (self._layout.cloud_dir(self._cloud) / name).mkdir(parents=True, exist_ok=True)
        for service in SERVICES:
            self._layout.policy_dir(self._cloud, service).mkdir(parents=True, exist_ok=True)
            self._copy_shipped(service)
            write_atomically(self.file(service), self.render(service), mode=0o600)
        for backend in self._choices.backends:
            line = options.share_line(self._layout, self._cloud, backend)
            write_atomically(options.shares_file(self._layout, self._cloud, backend), f"{line}\n")
        for store in self._choices["storage.glance.stores"]:
            options.store_dir(self._layout, self._cloud, store["id"]).mkdir(parents=True, exist_ok=True)
        self._write_keys()

    def write_node(self, node: str) -> Path:
        """The configuration file of the nova-compute of `node`."""
        home = self._layout.node_dir(self._cloud, node)
        (home / "instances").mkdir(parents=True, exist_ok=True)
        text = self._fill(
            "nova-compute.conf",
            nova_common=self._fill("nova-common.conf", **self._shared("nova", "nova")),
            node=node,
            node_dir=str(home),
        )
        path = self.node_file(node)
        write_atomically(path, text + self._overrides("nova-compute"), mode=0o600)
        return path

    def render(self, service: str) -> str:
        """The text of a service's main file; later sections override earlier ones, as oslo.config reads them."""
        values = self._shared(service, service)
        if service == "nova":
            values["nova_common"] = self._fill("nova-common.conf", **values)
        return self._fill(MAIN_FILE[service], **values) + self._overrides(service)

    def _shared(self, service: str, user: str) -> dict[str, str]:
        auth = self._fill("auth.conf", user=user)
        return {
            "service": service,
            "auth": auth,
            "auth_nova": self._fill("auth.conf", user="nova"),
            "common": self._fill("common.conf", service=service, auth=auth),
        }

    def _fill(self, template: str, **values: str) -> str:
        return Template((TEMPLATES / template).read_text()).substitute(self._values, **values)

    def _overrides(self, service: str) -> str:
        lines: list[str] = []
        chosen = options.sections(self._layout, self._cloud, self._choices, service)
        for section, values in (*self._release.settings.get(service, {}).items(), *chosen.items()):
            lines += [f"[{section}]", *(f"{option} = {value}" for option, value in values.items())]
        return "\n".join(lines) + "\n" if lines else ""

    def _copy_shipped(self, service: str) -> None:
        for pattern in SHIPPED.get(service, ()):
            for source in (self._venv / "etc" / service).glob(pattern):
                shutil.copy(source, self._layout.etc_dir(self._cloud, service) / source.name)

    def _write_keys(self) -> None:
        for repository in ("fernet", "credential"):
            for number in ("0", "1"):
                path = self._layout.cloud_dir(self._cloud) / "keystone" / repository / number
                if not path.exists():
                    write_atomically(path, fernet_key(), mode=0o600)
                    path.parent.chmod(0o700)
