"""Trying again: what may pass by itself, a little later each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.model.settings import Retries

T = TypeVar("T")


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
    (Marc Brooker, "Exponential Backoff And Jitter", 2015).
    """
    from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt, wait_exponential_jitter

    def last(state: RetryCallState) -> T:
        outcome: T = state.outcome.result()  # type: ignore[union-attr]
        return outcome

    first, longest = retries.first_wait_seconds, retries.longest_wait_seconds
    wait = wait_exponential_jitter(multiplier=first, max=longest, jitter=first)
    again = Retrying(
        stop=stop_after_attempt(retries.attempts), wait=wait, retry=retry_if_result(passes), retry_error_callback=last
    )
    result: T = again(call)
    return result, int(again.statistics["attempt_number"]) - 1
