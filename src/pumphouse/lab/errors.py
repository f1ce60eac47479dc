"""What can go wrong in the lab, each with a remedy. Raised everywhere in the lab, shown by `commands`."""

from typing import ClassVar

from pumphouse.domain.errors import PumphouseError


class LabError(PumphouseError):
    """The lab cannot do what was asked; `hint` says what to do about it."""

    code: ClassVar[str] = "lab-failed"


class LabConfigurationError(LabError):
    """A value the user gave is wrong; nothing was started."""

    code: ClassVar[str] = "lab-bad-value"

    def __init__(self, field: str, value: object, problem: str, *, hint: str) -> None:
        super().__init__(f"{field} = {value}: {problem}", hint=hint)
        self.field = field
        self.problem = problem
        self.value = value


class PreflightError(LabError):
    """This machine is not ready for the lab; nothing was started. Holds every reason at once."""

    code: ClassVar[str] = "lab-preflight"

    def __init__(self, problems: list[LabError]) -> None:
        super().__init__(
            "; ".join(p.message for p in problems),
            hint="\n".join(p.hint for p in problems if p.hint),
        )
        self.problems = problems


class ProcessDiedError(LabError):
    """A process of the lab ended by itself. The message carries the last lines of its log."""

    code: ClassVar[str] = "lab-process-died"


class LabTimeoutError(LabError):
    """Something in the lab did not happen before its deadline."""

    code: ClassVar[str] = "lab-timeout"


class LabCommandError(LabError):
    """A set-up command (a migration, an ovn-sbctl call...) ended with an error."""

    code: ClassVar[str] = "lab-command-failed"
