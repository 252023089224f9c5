"""What is done about a finding, who says so, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    KEEP = "keep"
    """Leave the data as it is."""


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
