"""The lab's RabbitMQ: one broker, one virtual host and one user per cloud, with its own epmd. Started by `bringup`."""

import json
from collections.abc import Iterable

from pumphouse.lab.layout import Layout
from pumphouse.lab.passwords import CloudPasswords, Passwords
from pumphouse.lab.processes import Processes, ProcessSpec
from pumphouse.lab.topology import write_atomically

NAME, EPMD = "rabbitmq", "epmd"
CONTROL = "/usr/lib/rabbitmq/bin/rabbitmqctl"


class RabbitMQ:
    """The broker and its port mapper."""

    def __init__(self, layout: Layout, processes: Processes, passwords: Passwords) -> None:
        self._layout = layout
        self._processes = processes
        self._passwords = passwords

    def start(self, clouds: Iterable[str]) -> None:
        """Start both; does not wait: services connect when the broker is there. A running broker is not told of new clouds: see `tell`."""
        self._configure(list(clouds))
        port_mapper = self._layout.shared_port("epmd")
        self._processes.start(
            ProcessSpec(EPMD, ("epmd", "-port", str(port_mapper), "-address", "127.0.0.1"), port=port_mapper)
        )
        home = self._layout.rabbitmq_dir
        self._processes.start(
            ProcessSpec(
                NAME,
                ("/usr/lib/rabbitmq/bin/rabbitmq-server",),
                {
                    "HOME": str(home),
                    "RABBITMQ_NODENAME": self._node,
                    "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
                    "RABBITMQ_LOG_BASE": str(self._layout.log_dir / "rabbitmq"),
                    "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
                    "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
                    "RABBITMQ_DIST_PORT": str(self._layout.shared_port("rabbitmq-distribution")),
                    "RABBITMQ_PID_FILE": str(home / "pid"),
                    "ERL_EPMD_PORT": str(port_mapper),
                    "ERL_EPMD_ADDRESS": "127.0.0.1",
                    # One scheduler that sleeps when idle: the broker's part is small, and the cores are few.
                    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
                    " -kernel inet_dist_use_interface {127,0,0,1}",
                },
                port=self._layout.shared_port("rabbitmq"),
            )
        )

    def tell(self, clouds: Iterable[str]) -> None:
        """Give the running broker a virtual host and a user for each of the clouds; those that it has stay as they are."""
        self._configure(list(clouds))
        self._control("import_definitions", str(self._layout.rabbitmq_dir / "definitions.json"))

    def forget(self, cloud: str) -> None:
        """Remove the virtual host and the user of a cloud from the running broker; an unknown one is fine."""
        if cloud in self._control("list_vhosts", "--silent").split():
            self._control("delete_vhost", cloud)
        users = [line.split()[0] for line in self._control("list_users", "--silent").splitlines() if line]
        if cloud in users:
            self._control("delete_user", cloud)

    def _control(self, *arguments: str) -> str:
        environment = {
            "HOME": str(self._layout.rabbitmq_dir),
            "ERL_EPMD_PORT": str(self._layout.shared_port("epmd")),
            "RABBITMQ_NODENAME": self._node,
        }
        return self._processes.run(CONTROL, *arguments, environment=environment)

    @property
    def _node(self) -> str:
        return f"lab{self._layout.tag}@localhost"

    def _configure(self, clouds: list[str]) -> None:
        home = self._layout.rabbitmq_dir
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            write_atomically(cookie, self._passwords.erlang_cookie, mode=0o400)
        write_atomically(home / "enabled_plugins", "[].\n")
        write_atomically(
            home / "rabbitmq.conf",
            f"listeners.tcp.default = 127.0.0.1:{self._layout.shared_port('rabbitmq')}\n"
            "log.file.level = warning\n"
            "vm_memory_high_watermark.absolute = 1GiB\n"
            "disk_free_limit.absolute = 50MB\n"
            f"load_definitions = {home}/definitions.json\n",
        )
        every = {"configure": ".*", "write": ".*", "read": ".*"}
        definitions = {
            "users": [
                {"name": cloud, "password": self._passwords.of(cloud).rabbitmq, "tags": ""}
                for cloud in clouds
            ],
            "vhosts": [{"name": cloud} for cloud in clouds],
            "permissions": [{**every, "user": cloud, "vhost": cloud} for cloud in clouds],
        }
        write_atomically(home / "definitions.json", json.dumps(definitions), mode=0o600)


def transport_url(layout: Layout, passwords: CloudPasswords, cloud: str) -> str:
    """The oslo.messaging address of a cloud's virtual host."""
    return f"rabbit://{cloud}:{passwords.rabbitmq}@127.0.0.1:{layout.shared_port('rabbitmq')}/{cloud}"
