"""The whole of quality, all five dimensions for each symbol, against merely reading the same columns.

Backs the choice of one numpy pass over sorted chunks (docs/performance.md). ``fold`` measures, folds and
scores; ``check`` is ``workbench check FOLDER``, which also works out what the columns mean, and looks at
every damaged row again. Peers that are installed are measured in the same run.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl
from engines import files_of
from measuring import Way, compare, show, warm
from minute_bars import make_table
from peers import PEERS, floor_of

import workbench as wb
from workbench.calendars import calendar
from workbench.lab.judgement import judged_by_states
from workbench.lake import file_chunks
from workbench.model.contract import Contract
from workbench.quality.ledger import Evidence
from workbench.quality.passes import measured_chunks
from workbench.quality.timetables import terms_of

FIELDS: Final = ("open", "high", "low", "close", "volume")
NEEDED: Final = ("polars", "numpy", "workbench.quality.passes", "workbench.lab.check")


def fold(table: Path) -> float:
    """Measure, fold and score a table of minute bars; return the score."""
    files = files_of(table)
    sessions = pl.read_parquet(table.parent / "sessions.parquet")["session"]
    contract = Contract(dataset="bars", frequency="1m", calendar="XNYS")
    terms = terms_of(contract, FIELDS, {"": calendar("XNYS")}, (sessions.min(), sessions.max()))
    columns = ("symbol", "event_at", "session", *FIELDS)
    chunks = (chunk for file in files for chunk in file_chunks(str(file), columns))
    evidence = Evidence(measured_chunks(chunks, terms), contract, terms)
    return float(judged_by_states(evidence, lambda cells: cells).score)


def check(table: Path) -> tuple[float, int]:
    """Check a folder nobody has described; return the score and the number of findings."""
    checked = wb.check(table)
    return float(checked.score), len(checked.findings)


def main() -> None:
    """Compare the fold, the check and the peers on a table, or on a small one of our own."""
    parser = argparse.ArgumentParser(description="Measure quality against the floor.")
    parser.add_argument("--folder", type=Path, help="where minute_bars.py wrote a table; without it, a small one is made")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[], choices=["check", *(peer.name for peer in PEERS)])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        table = asked.folder / "bars" if asked.folder else make_table(Path(temporary), 400_000)
        warm(files_of(table))
        ways = [
            Way("fold", partial(fold, table), NEEDED, "five dimensions, 23 checks"),
            Way("check", partial(check, table), NEEDED, "and findings"),
        ]
        ways += [peer.way(table) for peer in PEERS]
        timings = compare(floor_of(table), [way for way in ways if way.name not in asked.without], repetitions=asked.repetitions)
        show(f"{timings[0].result['rows']:,} minute bars", timings)


if __name__ == "__main__":
    main()
