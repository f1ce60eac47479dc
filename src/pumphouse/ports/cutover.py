"""What moving a server asks of a cloud beyond making and removing one. The driver of the kind `server` offers it; workflows/migrate_tenant/servers.py uses it.

Calls that change something only ask: callers poll `now` and `image` for the outcome. Errors as in ports/cloud.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from pumphouse.ports.resources import KindDriver


class Act(StrEnum):
    """What can be asked of a server; the values are Nova's words."""

    START = "os-start"
    STOP = "os-stop"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    SUSPEND = "suspend"
    RESUME = "resume"
    SHELVE = "shelve"
    SHELVE_OFFLOAD = "shelveOffload"


@dataclass(frozen=True, slots=True)
class ServerNow:
    """A server as it is at this moment. `task` is "" when Nova does nothing with it; `fault` is what Nova says of one in ERROR."""

    id: str
    name: str
    status: str
    task: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class ImageNow:
    """A temporary image as it is at this moment; `status` is Glance's word."""

    id: str
    name: str
    status: str
    size_bytes: int = 0


@runtime_checkable
class Cutover(KindDriver, Protocol):
    """Servers that move. `create` answers as soon as Nova knows the server, which is then being built: its id must be recorded at once."""

    def now(self, id: str) -> ServerNow | None:
        """As it is now; None when it is gone."""
        ...

    def act(self, id: str, act: Act) -> None:
        """Ask for it; an act that Nova refuses (409) as the server is in another state by now is no error: look again."""
        ...

    def marked(self, tenant_id: str, tag: str) -> Sequence[str]:
        """Ids of the tenant's servers that carry this tag: how one is found again whose creation was not recorded."""
        ...

    def has_key(self, keypair_id: str) -> bool:
        """Whether our own user has a keypair of that name already. `create` lends us one for the moment of the request: see docs/decisions/0004-keys-and-owners.md."""
        ...

    def take_back_key(self, keypair_id: str) -> None:
        """Remove the keypair that was lent to our own user by a `create` that was cut off; none, or one with another key, is left alone."""
        ...

    def snapshot(self, id: str, name: str) -> str:
        """Ask for an image of the server's root disk, which will be owned by our own project; answers its id."""
        ...

    def shelved_image(self, id: str) -> str:
        """The image that holds the root disk of a shelved server; "" when there is none."""
        ...

    def image(self, id: str) -> ImageNow | None:
        """A temporary image; None when it is gone."""
        ...

    def images_named(self, name: str) -> Sequence[ImageNow]:
        """Those of our own project with exactly this name, to find those whose making was not recorded."""
        ...

    def image_properties(self, id: str) -> Mapping[str, Any]:
        """What `make_image` elsewhere needs to make an image that servers see as the same: formats, sizes and properties."""
        ...

    def make_image(self, name: str, properties: Mapping[str, Any]) -> str:
        """A private image of our own project without data (`queued`); answers its id."""
        ...

    def drop_image(self, id: str) -> None:
        """Delete a temporary image; one that is gone is no error."""
        ...
