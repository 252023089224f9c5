"""A place to try things out: a dataset like another, holding the frames one gives it, gone when Python ends."""

from __future__ import annotations

import atexit
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.lake import Lake
from workbench.model.contract import Source
from workbench.model.names import EVENT_AT, SESSION, SYMBOL, fields_of
from workbench.transform.formats import from_pandas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.lab.dataset import Dataset
    from workbench.model.contract import Contract

DELIVERED: Final = "delivered"


def scratch(like: Dataset, *arrivals: Any, references: Mapping[str, Any] | None = None) -> Dataset:
    """Make a dataset of some frames, in a temporary lake; see :meth:`workbench.lab.dataset.Dataset.scratch`."""
    folder = tempfile.TemporaryDirectory(prefix="workbench-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    root, others = Path(folder.name), references or {}
    contract = like.contract
    sources = [Source(name=DELIVERED, path=f"{DELIVERED}-0.csv")]
    for name, frame in others.items():
        _write(frame, root / f"{name}.csv", contract)
        sources.append(Source(name=name, path=f"{name}.csv", role="reference"))
    events = None if contract.events is None else str(like.root / contract.events)
    own: dict[str, Any] = {"sources": tuple(sources), "columns": {}, "events": events, "features": (), "symbols": ()}
    settled = contract.model_copy(update=own)
    lake = Lake(root / "lake")
    lake.create()
    made = replace(like, root=root, lake=lake, contract=settled)
    for number, frame in enumerate(arrivals):
        made.update([_write(frame, root / f"{DELIVERED}-{number}.csv", contract)])
    return made


def _write(frame: Any, path: Path, contract: Contract) -> Path:
    """Write a frame as a vendor would: symbol, time, numbers."""
    rows = frame.to_polars() if hasattr(frame, "to_polars") else frame
    rows = rows if isinstance(rows, pl.DataFrame) else from_pandas(rows)
    time = EVENT_AT if contract.is_intraday else SESSION
    numbers = [name for name in fields_of(contract.kind) if name in rows.columns]
    rows.select(SYMBOL, pl.col(time).cast(pl.String).alias("time"), *numbers).write_csv(path)
    return path
