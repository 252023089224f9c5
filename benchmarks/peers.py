"""Other ways to find what is wrong with the same Parquet: how near to merely reading it does each come?

Backs the choice of how quality is computed. Every peer is asked for the same 15 rules and reads the
files itself. The floor only decodes the columns that the rules need. Peers that are not installed are
left out; none of those is a dependency.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engines import RULES, duckdb_sql, files_of, floor, plain_pandas, plain_polars
from measuring import Timing, Way, compare, show, warm
from validators import GREAT_EXPECTATIONS_LACKS, PANDERA_LACKS, great_expectations, pandera

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Peer:
    """A way of finding what is wrong, the packages it needs, and the rules it cannot express."""

    run: Callable[[Path], dict[str, int]]
    packages: tuple[str, ...]
    lacks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return self.run.__name__

    def way(self, table: Path) -> Way:
        """Return this peer over one table, to be measured."""
        note = f"{len(RULES) - len(self.lacks)} of {len(RULES)} rules"
        return Way(self.name, partial(self.run, table), self.packages, note)


PEERS: Final = (
    Peer(plain_polars, ("polars",)),
    Peer(duckdb_sql, ("duckdb",)),
    Peer(plain_pandas, ("pandas", "pyarrow")),
    Peer(pandera, ("pandera.pandas",), PANDERA_LACKS),
    Peer(great_expectations, ("great_expectations",), GREAT_EXPECTATIONS_LACKS),
)


def floor_of(table: Path) -> Way:
    """Return the floor over one table, to be measured."""
    return Way("floor", partial(floor, table), note="decodes the same columns")


def disagreements(timings: Sequence[Timing]) -> list[str]:
    """Return a line for each count that differs from what the first peer counted."""
    counts = {timing.way.name: timing.result for timing in timings[1:]}
    first, *others = counts
    return [
        f"{rule}: {first} counts {counts[first][rule]}, {other} {counts[other][rule]}"
        for other in others
        for rule in counts[other]
        if counts[other][rule] != counts[first][rule]
    ]


def main() -> None:
    """Compare all peers on a table, or on a small one of our own."""
    parser = argparse.ArgumentParser(description="Compare peers on minute bars.")
    parser.add_argument("--folder", type=Path, help="where minute_bars.py wrote a table; without it, a small one is made")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[], choices=[peer.name for peer in PEERS], help="peers to leave out")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        table = asked.folder / "bars" if asked.folder else _small_table(Path(temporary))
        warm(files_of(table))
        ways = [peer.way(table) for peer in PEERS if peer.name not in asked.without]
        timings = compare(floor_of(table), ways, repetitions=asked.repetitions)
        show(f"{timings[0].result['rows']:,} minute bars, {len(RULES)} rules", timings)
        print("\n".join(disagreements(timings)) or "all count the same failures")


def _small_table(folder: Path) -> Path:
    from minute_bars import make_table

    return make_table(folder, 400_000)


if __name__ == "__main__":
    main()
