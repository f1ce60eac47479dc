"""One way into a cloud: an SDK connection with the proxies of the API versions that we speak, typed. Used by all of populate."""

from typing import cast

from openstack.block_storage.v3._proxy import Proxy as BlockStorage
from openstack.compute.v2._proxy import Proxy as Compute
from openstack.connection import Connection
from openstack.identity.v3._proxy import Proxy as Identity
from openstack.image.v2._proxy import Proxy as Image
from openstack.network.v2._proxy import Proxy as Network


class Door:
    """The SDK types each proxy as "any version of it"; these are the only ones that a cloud of our age has."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def compute(self) -> Compute:
        return self._connection.compute

    @property
    def network(self) -> Network:
        return self._connection.network

    @property
    def identity(self) -> Identity:
        return cast("Identity", self._connection.identity)

    @property
    def image(self) -> Image:
        return cast("Image", self._connection.image)

    @property
    def block_storage(self) -> BlockStorage:
        return cast("BlockStorage", self._connection.block_storage)

    def authorize(self) -> None:
        """Log in now."""
        self._connection.authorize()

    def close(self) -> None:
        self._connection.close()
