"""Keeping: what old runs left is packed as ``workbench.toml`` says; nothing is ever taken away."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from workbench.audit.packing import pack_all
from workbench.audit.store import run_folder
from workbench.lake import Zone
from workbench.lake.run_history import RUN
from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.lab.lab import Lab


def pack_old(lab: Lab, now: datetime) -> tuple[int, int]:
    """Pack the executed notebooks of old runs.

    Parameters
    ----------
    lab : Lab
        Its settings say how old.
    now : datetime
        UTC.

    Returns
    -------
    tuple of int, int
        Runs that had something to pack, and bytes won.

    Raises
    ------
    BadInput
        The settings do not say.
    """
    days = lab.settings.audit.pack_after_days
    if days is None:
        raise BadInput("workbench.toml: nothing is packed without pack_after_days = … under [audit]")
    old = lab.runs().to_polars().filter(pl.col("recorded_at") < now - timedelta(days=days))
    metadata = lab.lake.zone(Zone.METADATA)
    return pack_all(run_folder(metadata, run, session) for run, session in old.select(RUN, "session").rows())
