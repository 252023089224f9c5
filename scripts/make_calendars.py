"""Make ``workbench/calendars/sessions.parquet`` from exchange_calendars.

    python -m venv /tmp/caltable && /tmp/caltable/bin/pip install "exchange_calendars==4.13.2" "pandas==3.0.6" pyarrow
    /tmp/caltable/bin/python scripts/make_calendars.py

It wants an environment of its own: with pandas 3.1, exchange_calendars 4.13.2 cannot build ASEX,
XBEL, XBSE, XCYS (orthodox Easter) and XTAE, and a table without them is refused.

One row group for each calendar, rows ascending by session. Opening times are whole minutes after the
session's own midnight in UTC (an Asian or a futures session opens before it: negative), which
compress to almost nothing. What is known of each calendar (zone, bounds, where its rows lie)
travels as JSON in the file's metadata under ``workbench``.
"""

from __future__ import annotations

import json
import warnings
from datetime import date
from pathlib import Path
from typing import Any, Final

import exchange_calendars as ec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

TARGET: Final = Path(__file__).parents[1] / "workbench" / "calendars" / "sessions.parquet"
TABLE_VERSION: Final = 1
FIRST: Final = date(1980, 1, 1)
FIRST_OF: Final = {"XNYS": date(1927, 1, 1)}  # long US histories are common: indices start in 1927
LAST: Final = date(2027, 11, 30)
COMPUTED: Final = ("24/5", "24/7")
MINUTES: Final = {
    "open_minute": "open",
    "close_minute": "close",
    "break_start_minute": "break_start",
    "break_end_minute": "break_end",
}


def bounds(name: str) -> tuple[date | None, date | None]:
    """Return what the library says it can say about a calendar: first and last date."""
    factory = ec.calendar_utils._default_calendar_factories[name]
    low, high = factory.bound_min(), factory.bound_max()
    return (None if low is None else low.date(), None if high is None else high.date())


def sessions_of(name: str) -> tuple[pa.Table, dict[str, Any]]:
    """Return one calendar's rows and its entry in the metadata."""
    low, high = bounds(name)
    start = max(FIRST_OF.get(name, FIRST), low or FIRST_OF.get(name, FIRST))
    end = min(LAST, high or LAST)
    library = ec.get_calendar(name, start=pd.Timestamp(start), end=pd.Timestamp(end))
    schedule = library.schedule
    sessions = schedule.index.to_numpy().astype("datetime64[D]")
    columns: dict[str, pa.Array] = {
        "calendar": pa.array([name] * len(sessions)).dictionary_encode(),
        "session": pa.array(sessions),
    }
    for column, source in MINUTES.items():
        at = schedule[source].dt.tz_convert(None).to_numpy().astype("datetime64[us]")
        minutes = (at - sessions.astype("datetime64[us]")) / np.timedelta64(1, "m")
        columns[column] = pa.array(minutes, from_pandas=True).cast(pa.int16())
    entry = {
        "timezone": str(library.tz),
        "bound_first": low and low.isoformat(),
        "bound_last": high and high.isoformat(),
        "first": start.isoformat(),
        "last": end.isoformat(),
        "rows": len(sessions),
    }
    return pa.table(columns), entry


def make_table(target: Path = TARGET) -> None:
    """Write the table beside its place, then put it there."""
    tables: dict[str, pa.Table] = {}
    known: dict[str, dict[str, Any]] = {}
    offset = 0
    for name in sorted(set(ec.get_calendar_names(include_aliases=False)) - set(COMPUTED)):
        tables[name], entry = sessions_of(name)
        known[name] = entry | {"offset": offset}
        offset += int(entry["rows"])
    about = {
        "table_version": TABLE_VERSION,
        "exchange_calendars": ec.__version__,
        "pandas": pd.__version__,
        "aliases": {a: c for a, c in sorted(ec.calendar_utils._default_calendar_aliases.items()) if c in known},
        "calendars": known,
    }
    fresh = target.with_suffix(".parquet.new")
    with pq.ParquetWriter(
        fresh,
        next(iter(tables.values())).schema,
        compression="zstd",
        compression_level=19,
        use_dictionary=["calendar", *MINUTES],
        column_encoding={"session": "DELTA_BINARY_PACKED"},
        store_schema=False,
    ) as writer:
        for table in tables.values():
            writer.write_table(table, row_group_size=len(table))
        writer.add_key_value_metadata({"workbench": json.dumps(about)})
    fresh.replace(target)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    make_table()
