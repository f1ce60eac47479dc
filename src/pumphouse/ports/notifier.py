"""Where notifications go besides our own list."""

from typing import ClassVar, Protocol

from pumphouse.domain.events import Event


class Notifier(Protocol):
    """Delivers one event that is marked `notify`; entry points group `pumphouse.notifiers`."""

    name: ClassVar[str]
    """What its deliveries are recorded under; at most 64 characters."""

    def deliver(self, event: Event) -> None:
        """Send it once.

        Raises:
            TemporaryError: delivery failed and will be tried again with back-off; a repeat must be harmless (`event.seq` identifies it).
        """
        ...
