"""Trying again: what may pass by itself, a little later each time."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState

    from workbench.model.errors import WorkbenchError
    from workbench.model.settings import Retries

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failed:
    """A try that failed in a way that may pass; ``wait_seconds`` is what the other side asked for."""

    error: WorkbenchError
    wait_seconds: float | None = None


def tried(call: Callable[[], T], retries: Retries, *, passes: Callable[[T], bool]) -> tuple[T, int]:
    """Call until the result is not one that may pass, or patience ends.

    Parameters
    ----------
    call : callable
        Returns what came of it, failures too.
    retries : Retries
    passes : callable
        Whether a result is a failure that may pass by itself.

    Returns
    -------
    tuple
        The last result, and how many tries came before it.

    Notes
    -----
    Waits double, with up to a first wait of jitter, so that those who failed together do not come back together
    (Marc Brooker, "Exponential Backoff And Jitter", 2015). A wait that the other side asks for is kept, up to the longest.
    """
    from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential_jitter

    first, longest = retries.first_wait_seconds, retries.longest_wait_seconds
    growing = wait_exponential_jitter(multiplier=first, max=longest, jitter=first)

    def wait(state: RetryCallState) -> float:
        asked = getattr(_result(state), "wait_seconds", None)
        return growing(state) if asked is None else min(asked, longest)

    again = Retrying(
        stop=stop_after_attempt(retries.attempts), wait=wait, retry=retry_if_result(passes), retry_error_callback=_result
    )
    result: T = again(call)
    return result, int(again.statistics["attempt_number"]) - 1


def _result(state: RetryCallState) -> Any:
    return None if state.outcome is None else state.outcome.result()


def fetched(call: Callable[[], T | Failed], retries: Retries) -> T:
    """Call until it returns something.

    Raises
    ------
    WorkbenchError
        The last try's own.
    """
    result, before = tried(call, retries, passes=lambda result: isinstance(result, Failed))
    if isinstance(result, Failed):
        kind, told = type(result.error), str(result.error)
        raise kind(f"{told} (tried {before + 1} times)")
    return result


def patiently(call: Callable[[], T], retries: Retries) -> T:
    """Call until it does not raise what may pass.

    Raises
    ------
    Transient
        The last try's own.
    """

    def once() -> T | Failed:
        try:
            return call()
        except Transient as error:
            _log.warning("%s", error)
            return Failed(error)

    return fetched(once, retries)
