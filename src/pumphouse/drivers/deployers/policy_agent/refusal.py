"""The one error of this program that is an answer. Raised by `service` and `placing`, told by `__main__`."""


class Refusal(Exception):  # noqa: N818 - it is an answer
    """What was asked for is wrong; `kind` is `invalid` or `conflict`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
