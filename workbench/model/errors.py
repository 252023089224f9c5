"""What can go wrong, as types. The command line turns each into one line and an exit status."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class WorkbenchError(Exception):
    """Anything workbench refuses to do, said in one line: what, where, what to do.

    ``exit_status`` is what the command line ends with.
    """

    exit_status = 3


class BadInput(WorkbenchError):
    """A file, a contract, a parameter or an option that cannot be used as it is."""

    exit_status = 2


class StageFailed(WorkbenchError):
    """A stage notebook raised: the run stopped there and its partial notebook was kept."""

    exit_status = 3


class Transient(WorkbenchError):
    """Something that may pass by itself: a time-out, a limit, a source or a kernel that is away for the moment."""

    exit_status = 3


class SystemFailure(WorkbenchError):
    """Memory, disk or permissions: going on would only make it worse."""

    exit_status = 3


class LakeBroken(WorkbenchError):
    """Something the lake recorded is not there, or is not what was recorded."""

    exit_status = 3


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a suggestion to append to an error message, or nothing.

    Examples
    --------
    >>> did_you_mean("frequncy", ["frequency", "calendar"])
    "; did you mean 'frequency'?"
    >>> did_you_mean("zzz", ["frequency"])
    ''
    """
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
