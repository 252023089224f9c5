"""What a person says of findings, in words: which ones, what is to be done, and which values are to be put there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workbench.lab.gathering import Day, as_day
from workbench.model.decisions import BY_HAND, Action
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.findings import FINDING_KINDS, Severity
from workbench.review.queue import State, Which

if TYPE_CHECKING:
    from collections.abc import Sequence

OPEN: Final = tuple(state.value for state in State if state.is_open)


def which_of(
    *,
    kinds: Sequence[str] | None = None,
    symbols: Sequence[str] | None = None,
    start: Day = None,
    end: Day = None,
    sources: Sequence[str] | None = None,
    severity: str = "low",
    states: Sequence[str] | None = None,
) -> Which:
    """Return a choice of findings; nothing said chooses all.

    Raises
    ------
    BadInput
        There is no such kind or state, or a day is none.
    """
    for what, given, known in (("kind", kinds or (), FINDING_KINDS), ("state", states or (), [one.value for one in State])):
        for word in given:
            if word not in known:
                raise BadInput(f"--{what} {word[:40]}: expected one of {', '.join(known)}{did_you_mean(word, known)}")
    first, last = as_day(start), as_day(end)
    if first is not None and last is not None and first > last:
        raise BadInput(f"--start {first} lies behind --end {last}; change places")
    chosen = tuple(State(word) for word in states or ())
    return Which(tuple(kinds or ()), tuple(symbols or ()), first, last, tuple(sources or ()), Severity(severity), chosen)


def action_of(word: str) -> Action:
    """Return what is to be done about a finding.

    Raises
    ------
    BadInput
        It is nothing that a person does about one.
    """
    names = [one.value for one in BY_HAND]
    if word not in names:
        raise BadInput(f"action {str(word)[:40]}: expected one of {', '.join(names)}{did_you_mean(str(word), names)}")
    return Action(word)


def values_of(pairs: Sequence[str]) -> dict[str, float]:
    """Read values such as ``close=12.5``.

    Raises
    ------
    BadInput
        One is no column and a number.
    """
    given = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        try:
            given[name.strip()] = float(number)
        except ValueError as error:
            raise BadInput(f"--set {pair[:40]}: expected a column and a number, such as close=12.5") from error
    return given
