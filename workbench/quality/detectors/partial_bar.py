"""Kind ``partial_bar``: a session that is there twice, once whole and once as it was while it formed.

References
----------
Vendors append the live bar, stamped with the time of the last trade, to bars that are stamped with midnight (Yahoo).
Whether a last bar was still forming at a given moment is told from the calendar, in ``quality/lives.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.model.findings import Severity
from workbench.quality.detectors.suspicion import NOWHERE, Suspicion, competing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.detectors.track import Track

DAY_US = 86_400_000_000


def shared_sessions(track: Track) -> NDArray[np.int64]:
    """Return the rows of the session of the row before."""
    return np.flatnonzero(np.diff(track.session) == 0) + 1 if track.frequency == "1d" else NOWHERE


def partial_bars(track: Track) -> list[Suspicion]:
    """Find daily bars that share their session with another one."""
    twice = shared_sessions(track)
    if not len(twice):
        return []
    clock = track.at % DAY_US
    usual = np.bincount((clock // 60_000_000).astype(np.int64)).argmax()
    found = []
    for at in twice.tolist():
        live = at if clock[at] // 60_000_000 != usual else at - 1
        claims = competing(
            ("partial_bar", 2.0, "the session is there twice, and this row's stamp is not that of a whole bar"),
            ("conflicting_duplicate", 0.0, "two rows for one session"),
        )
        found.append(Suspicion(live, live, (), claims, Severity.MEDIUM, live))
    return found
