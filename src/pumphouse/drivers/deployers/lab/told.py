"""A lab's progress as lines of a deployer. Used by `driver`."""

from pumphouse.ports.deployer import Progress


class ToldProgress:
    """Says a line for each part that is done. The lab calls it from several threads; so is an operation's progress."""

    def __init__(self, tell: Progress) -> None:
        self._tell = tell

    def phase(self, title: str, total: int) -> None:
        """Nothing: the parts are told."""

    def done(self, title: str, part: str) -> None:
        """A part is done."""
        self._tell(f"{title}: {part}")

    def say(self, text: str) -> None:
        """A line of its own."""
        for line in text.splitlines():
            self._tell(line)
