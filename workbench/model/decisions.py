"""What is done about a finding, who says so, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

Moment = date | datetime


class Action(StrEnum):
    """What may be done about a finding; nothing is ever done to what arrived."""

    REVIEW = "review"
    """Wait for a person."""
    QUARANTINE = "quarantine"
    """Leave the rows out of the processed table."""
    TAKE_PROPOSED = "take_proposed"
    """Put the proposed value in the place of the observed one."""
    TAKE_REFERENCE = "take_reference"
    """Put what another source says in the place of the observed value."""
    TAKE_LAST = "take_last"
    """Put the last good value before in the place of the observed one; where a row is missing, make one of it."""
    TAKE_GIVEN = "take_given"
    """Put what a person typed in the place of the observed value."""
    KEEP = "keep"
    """Leave the data as it is: it is real."""
    DISMISS = "dismiss"
    """Leave the data as it is: whatever it is, it is no problem of this kind."""
    LATER = "later"
    """Leave it for later: it was looked at, and nothing was decided."""
    RELEASE = "release"
    """Of a row in quarantine: put it among the processed rows."""
    DROP = "drop"
    """Of a row in quarantine: it was looked at, and stays where it is."""
    WITHDRAW = "withdraw"
    """Take back what was decided before."""


TAKING: Final = (Action.TAKE_PROPOSED, Action.TAKE_REFERENCE, Action.TAKE_LAST, Action.TAKE_GIVEN)
"""What puts values in the place of others."""
CONFIRMING: Final = (Action.QUARANTINE, *TAKING)
"""What a person does who finds that something is wrong indeed."""
REFUTING: Final = (Action.KEEP, Action.DISMISS)
"""What a person says who finds that nothing is wrong, or not this."""
BY_HAND: Final = (*REFUTING, *CONFIRMING, Action.LATER)
"""What a person may do about a finding."""


def date_of(moment: Moment) -> date:
    """Return the day of a session, or of a moment where it is told in its own zone."""
    return moment.date() if isinstance(moment, datetime) else moment


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about one finding.

    Attributes
    ----------
    finding
        Its id.
    by
        Who: ``policy`` or a person's name; ``default`` where nothing was said.
    """

    finding: str
    action: Action
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One row that a decision changes.

    Attributes
    ----------
    at
        Its session (daily and slower data), or its time in UTC.
    values
        Field -> value to be put there.
    was
        Field -> value that was observed there; a row that says something else by now is left alone. None: there was no row.
    """

    at: Moment
    values: dict[str, float | None]
    was: dict[str, float | None] | None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the ledger of a dataset; of several about one subject, the last stands.

    Attributes
    ----------
    at
        UTC.
    by
        ``policy``, ``data`` (what was decided about has changed), or a person.
    reason
        In a few words, from a short list where a person chose it.
    subject
        A finding's id; or a row in quarantine, as ``receipt:row``.
    start, end
        Of a finding; sessions or moments, both included.
    fields
        The columns the finding is about.
    note
        Whatever else the person wanted to say.
    version
        Of the processed table, when it was decided.
    observed, confidence
        Of the finding.
    seen
        A fingerprint of the rows it is about, as they had arrived; empty where nobody looked.
    rows
        How many go to quarantine; None where nobody counted.
    """

    at: datetime
    by: str
    action: Action
    reason: str
    subject: str
    kind: str = ""
    symbol: str | None = None
    start: Moment | None = None
    end: Moment | None = None
    cells: tuple[Cell, ...] = ()
    fields: tuple[str, ...] = ()
    note: str = ""
    version: int | None = None
    observed: dict[str, object] | None = None
    confidence: float | None = None
    seen: str = ""
    rows: int | None = None

    @property
    def is_by_person(self) -> bool:
        """Whether somebody decided it, and no rule."""
        return self.by not in NOBODY


POLICY: Final = "policy"
DATA: Final = "data"
NOBODY: Final = frozenset({POLICY, DATA, "default", ""})
"""Who is no person."""
