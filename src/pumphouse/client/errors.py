"""What a client of the API can run into. Raised by client.py, shown by the command line."""

from collections.abc import Sequence

from pumphouse.domain.errors import PumphouseError, TemporaryError
from pumphouse.wire.finding import FindingView
from pumphouse.wire.problem import ProblemView


class ProblemError(PumphouseError):
    """The application answered a problem. Its own stable code is `problem.code`."""

    code = "problem"

    def __init__(self, problem: ProblemView) -> None:
        super().__init__(problem.detail, hint=problem.hint)
        self.problem = problem

    @property
    def findings(self) -> Sequence[FindingView]:
        """What blocks, when that is the problem."""
        return self.problem.findings


class UnreachableServerError(TemporaryError):
    """The server did not answer."""

    code = "server-unreachable"


class ProtocolError(PumphouseError):
    """Something answered that is not a Pumphouse server, or one of another age."""

    code = "not-a-pumphouse-server"
