"""Turns what an OpenStack API answers into errors of the lab, and repeats a task when the answer was a passing trouble."""

from collections.abc import Callable

from keystoneauth1 import exceptions as auth_errors
from openstack import exceptions as sdk_errors

from pumphouse.lab.errors import LabError
from pumphouse.lab.populate.tasks import Outcome
from pumphouse.lab.waiting import pause

ATTEMPTS = 4
PASSING = frozenset({409, 429, 500, 502, 503, 504})


def guarded(run: Callable[[], Outcome]) -> Callable[[], Outcome]:
    """`run`, repeated after a passing trouble (each task looks before it makes), with SDK errors as LabErrors."""

    def attempt() -> Outcome:
        for attempt_no in range(1, ATTEMPTS + 1):
            try:
                return run()
            except (sdk_errors.SDKException, auth_errors.ClientException) as exc:
                if attempt_no == ATTEMPTS or not _passes(exc):
                    raise LabError(
                        _words(exc),
                        hint="`pumphouse lab status` shows what runs; a second `lab populate` goes on.",
                    ) from exc
                pause(1.5 * attempt_no)
        raise AssertionError("not reached: the last attempt returns or raises")

    return attempt


def _passes(exc: Exception) -> bool:
    if isinstance(exc, sdk_errors.HttpException):
        status = exc.status_code
        # nova answers an expected 409 with words of its own when a quota is full; that does not pass
        return status in PASSING and "Quota" not in str(exc.details)
    return isinstance(exc, auth_errors.ConnectFailure | auth_errors.RetriableConnectionFailure)


def _words(exc: Exception) -> str:
    if isinstance(exc, sdk_errors.HttpException):
        return f"the cloud answered {exc.status_code}: {exc.details or exc.message}"
    return f"{type(exc).__name__}: {exc}"
