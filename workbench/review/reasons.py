"""The reasons a person may choose from; a note says the rest."""

from __future__ import annotations

from typing import Final

from workbench.model.decisions import TAKING, Action

_CORRECTED: Final = ("obvious error", "another source has it", "event applied wrongly", "unit or currency mixed up")
REASONS: Final[dict[Action, tuple[str, ...]]] = {
    Action.KEEP: ("really traded", "known market event", "another source agrees", "halt, auction or thin trading"),
    Action.QUARANTINE: ("cannot be right", "vendor outage", "not this instrument", "test or placeholder row"),
    Action.LATER: ("vendor was asked", "needs a second opinion", "waits for more data"),
    Action.DISMISS: ("another kind of problem", "rule too strict here", "known habit of this source"),
    **dict.fromkeys(TAKING, _CORRECTED),
}
"""Action -> reasons, the most usual first."""
