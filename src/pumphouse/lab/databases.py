"""Makes a cloud's databases from nothing, and fits saved ones to this lab: ports, addresses, passwords.

Called by `bringup` once the database server runs. Making takes about 30 s of processor time for a cloud; fitting
a saved image takes less than a second.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pumphouse.lab import saved_databases
from pumphouse.lab.configuration import DATABASES, SERVICE_USERS, Configuration
from pumphouse.lab.identity import CloudClient
from pumphouse.lab.layout import Layout
from pumphouse.lab.mariadb import MariaDB
from pumphouse.lab.passwords import CloudPasswords
from pumphouse.lab.processes import Processes
from pumphouse.lab.rabbitmq import transport_url
from pumphouse.lab.readiness import wait_for_api
from pumphouse.lab.services import CloudServices

# The catalogue: service name, type, process that answers, path. openstacksdk asks for block-storage.
CATALOGUE = (
    ("keystone", "identity", "keystone", "/v3"),
    ("nova", "compute", "nova-api", "/v2.1"),
    ("placement", "placement", "placement", ""),
    ("neutron", "network", "neutron", ""),
    ("glance", "image", "glance", ""),
    ("cinderv3", "volumev3", "cinder-api", "/v3/%(project_id)s"),
    ("cinder", "block-storage", "cinder-api", "/v3/%(project_id)s"),
)
PARALLEL_MIGRATIONS = 2


class CloudDatabases:
    """The databases of one cloud."""

    def __init__(
        self, layout: Layout, processes: Processes, passwords: CloudPasswords, mariadb: MariaDB,
        configuration: Configuration, services: CloudServices, venv: Path, cloud: str, index: int,
    ) -> None:  # fmt: skip
        self._layout = layout
        self._processes = processes
        self._passwords = passwords
        self._mariadb = mariadb
        self._configuration = configuration
        self._services = services
        self._venv = venv
        self._cloud = cloud
        self._index = index

    def join(self, release: str, say: Callable[[str], None]) -> None:
        """Make the databases of a cloud that joins a running lab, from the saved ones of its release; what a crash has left is thrown away."""
        mark = self._layout.databases_mark(self._cloud)
        if mark.exists():
            return
        self.drop()
        saved = saved_databases.load_dump(release)
        if saved:
            self._restore(saved)
        else:
            say(
                f"making the databases of {release} once; later clouds of that release start from a saved copy"
            )
            self.make()
            sql = {name: self._mariadb.dump(self._configuration.database(name)) for name in DATABASES}
            saved_databases.save_dump(release, sql)
        self.fit()
        mark.touch()

    def drop(self) -> None:
        """Remove all databases of this cloud; absent is fine."""
        self._layout.databases_mark(self._cloud).unlink(missing_ok=True)
        names = (self._configuration.database(name) for name in DATABASES)
        self._mariadb.query("".join(f"drop database if exists `{name}`;" for name in names))

    def make(self) -> None:
        """Create, migrate and bootstrap everything; leaves no process running."""
        self._create()
        with ThreadPoolExecutor(PARALLEL_MIGRATIONS) as pool:
            jobs = [
                pool.submit(job)
                for job in (
                    self._nova, self._neutron, self._keystone, self._cinder, self._glance, self._placement
                )
            ]  # fmt: skip
            for job in jobs:
                job.result()
        self._bootstrap_identity()

    def _create(self) -> None:
        names = (f"`{self._configuration.database(name)}`" for name in DATABASES)
        self._mariadb.query("".join(f"create database {name} character set utf8mb3;" for name in names))

    def _restore(self, saved: Mapping[str, str]) -> None:
        self._create()
        trace = f"{self._layout.cloud_dir(self._cloud)}/"
        with ThreadPoolExecutor(PARALLEL_MIGRATIONS) as pool:
            jobs = [
                pool.submit(
                    self._mariadb.query, sql, database=self._configuration.database(name), trace=trace
                )
                for name, sql in saved.items()
            ]
            for job in jobs:
                job.result()

    def fit(self) -> None:
        """Write this lab's ports, addresses and passwords into databases that another lab may have made."""
        keystone = self._configuration.database("keystone")
        nova_api = self._configuration.database("nova_api")
        admin, service = self._password_hashes(self._passwords.admin, self._passwords.service)
        statements = [  # the words come from this file and the lab's own names, never from a user
            f"update `{keystone}`.endpoint e join `{keystone}`.service s on e.service_id = s.id"  # noqa: S608
            f" set e.url = '{self._layout.url(self._index, process)}{path}' where s.type = '{kind}';"
            for _, kind, process, path in CATALOGUE
        ]
        for cell, url, name in (
            ("cell0", "none:///", "nova_cell0"),
            ("cell1", transport_url(self._layout, self._passwords, self._cloud), "nova"),
        ):
            statements.append(
                f"update `{nova_api}`.cell_mappings set transport_url = '{url}',"  # noqa: S608
                f" database_connection = '{self._configuration.database_url(name)}' where name = '{cell}';"
            )
        users = ", ".join(f"'{user}'" for user in SERVICE_USERS)
        for condition, hashed in (("l.name = 'admin'", admin), (f"l.name in ({users})", service)):
            statements.append(
                f"update `{keystone}`.password p join `{keystone}`.local_user l on p.local_user_id = l.id"  # noqa: S608
                f" set p.password_hash = '{hashed}' where {condition};"
            )
        self._mariadb.query("\n".join(statements))

    def _password_hashes(self, *passwords: str) -> list[str]:
        """The hashes keystone would store; made by the release's own library, which this program does not need."""
        script = "import bcrypt, sys\nfor p in sys.stdin.read().split(): print(bcrypt.hashpw(p.encode(), bcrypt.gensalt(4)).decode())"
        return self._processes.run(
            str(self._venv / "bin/python"), "-c", script, stdin="\n".join(passwords)
        ).split()

    # -- migrations

    def _tool(self, tool: str, service: str, *arguments: str) -> None:
        self._services.tool(tool, "--config-file", str(self._configuration.file(service)), *arguments)

    def _nova(self) -> None:
        cell0 = self._configuration.database_url("nova_cell0")
        self._tool("nova-manage", "nova", "api_db", "sync")
        self._tool("nova-manage", "nova", "cell_v2", "map_cell0", "--database_connection", cell0)
        self._tool("nova-manage", "nova", "db", "sync")
        self._tool("nova-manage", "nova", "cell_v2", "create_cell", "--name", "cell1")

    def _neutron(self) -> None:
        self._tool("neutron-db-manage", "neutron", "upgrade", "heads")

    def _keystone(self) -> None:
        self._tool("keystone-manage", "keystone", "db_sync")
        url = self._layout.url(self._index, "keystone") + "/v3"
        arguments = [f"--bootstrap-{side}-url={url}" for side in ("admin", "internal", "public")]
        config = ("--config-file", str(self._configuration.file("keystone")))
        self._services.tool(
            "keystone-manage", *config, "bootstrap", "--bootstrap-region-id=RegionOne", *arguments,
            extra={"OS_BOOTSTRAP_PASSWORD": self._passwords.admin},
        )  # fmt: skip

    def _cinder(self) -> None:
        self._tool("cinder-manage", "cinder", "db", "sync")

    def _glance(self) -> None:
        self._tool("glance-manage", "glance", "db_sync")

    def _placement(self) -> None:
        directory = str(self._layout.etc_dir(self._cloud, "placement"))
        self._services.tool("placement-manage", "--config-dir", directory, "db", "sync")

    # -- identity

    def _bootstrap_identity(self) -> None:
        """The service users and the catalogue, made through keystone itself."""
        name = self._services.name("keystone")
        self._services.start("keystone")
        try:
            wait_for_api(self._processes, name, self._layout.url(self._index, "keystone") + "/v3")
            client = CloudClient(self._layout.url(self._index, "keystone"), self._passwords.admin)
            self._make_users(client)
            self._make_catalogue(client)
        finally:
            self._processes.stop(name)

    def _make_users(self, client: CloudClient) -> None:
        roles = {role["name"]: role["id"] for role in client.get(client.keystone("roles"))["roles"]}
        if "service" not in roles:  # older releases do not bootstrap it
            made = client.post(client.keystone("roles"), {"role": {"name": "service"}})
            roles["service"] = made["role"]["id"]
        body = {"project": {"name": "service", "domain_id": "default"}}
        project = client.post(client.keystone("projects"), body)["project"]["id"]
        for user in SERVICE_USERS:
            body = {"user": {"name": user, "password": self._passwords.service, "domain_id": "default"}}
            user_id = client.post(client.keystone("users"), body)["user"]["id"]
            for role in ("admin", "service"):
                client.put(client.keystone(f"projects/{project}/users/{user_id}/roles/{roles[role]}"))

    def _make_catalogue(self, client: CloudClient) -> None:
        for name, kind, process, path in CATALOGUE[1:]:
            service = client.post(client.keystone("services"), {"service": {"name": name, "type": kind}})
            for interface in ("public", "internal", "admin"):
                endpoint = {
                    "service_id": service["service"]["id"],
                    "interface": interface,
                    "region_id": "RegionOne",
                    "url": self._layout.url(self._index, process) + path,
                }
                client.post(client.keystone("endpoints"), {"endpoint": endpoint})
