"""What the detectors find of what is planted, and what they call wrong where nothing is: precision, recall, false alarms.

Backs the thresholds of ``workbench/quality/detectors`` (docs/detection.md). Clean real series, chosen because two
vendors agree on them or because they are adjusted and complete, are damaged in known places, checked as anybody would
check them, and compared with peers. Seeds and symbols that thresholds were chosen on are kept apart from those reported.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import polars as pl
from faults import PLANTS, Fault, damaged
from series import clean_series

import workbench as wb
from workbench.review.learning import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from series import Group

    from workbench.lab.check import Checked
    from workbench.model.findings import Finding

TELLING: Final = 0.5
KINDS: Final = (*(plant.kind for plant in PLANTS), "phantom_session", "duplicate_key", "conflicting_duplicate")
SLACK: Final = timedelta(days=4)
"""Calendar days by which a finding may miss a span: an event may be put on either side of a weekend."""


@dataclass
class Tally:
    """Counts of one kind."""

    planted: int = 0
    found: int = 0
    false: int = 0
    other: Counter[str] = field(default_factory=Counter)

    @property
    def recall(self) -> float:
        return self.found / self.planted if self.planted else float("nan")

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.false) if self.found + self.false else float("nan")

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def overlaps(finding: Finding, first: date, last: date) -> bool:
    start, end = (m if type(m) is date else m.date() for m in (finding.start, finding.end))  # type: ignore[union-attr]
    return start <= last + SLACK and end >= first - SLACK


def compared(
    findings: Iterable[Finding], faults: list[Fault], days: dict[str, list[date]], tallies: dict[str, Tally]
) -> list[tuple[float, bool]]:
    """Match findings to faults, and return each finding's confidence with whether it is right."""
    told = [f for f in findings if f.confidence >= TELLING]
    spans = [
        (fault, days[fault.symbol][fault.start], days[fault.symbol][min(fault.stop - 1, len(days[fault.symbol]) - 1)])
        for fault in faults
    ]
    for fault, first, last in spans:
        tallies[fault.kind].planted += 1
        here = [f for f in told if f.symbol == fault.symbol and overlaps(f, *_event(fault, first, last, days))]
        if any(f.kind == fault.kind for f in here):
            tallies[fault.kind].found += 1
        else:
            tallies[fault.kind].other[", ".join(sorted({f.kind for f in here})) or "nothing"] += 1
    calibration = []
    for f in findings:
        mine = [(fault, first, last) for fault, first, last in spans if fault.symbol == f.symbol and overlaps(f, first, last)]
        right = any(fault.kind == f.kind for fault, _, _ in mine)
        calibration.append((f.confidence, right))
        if f.confidence >= TELLING and not mine:
            tallies[f.kind].false += 1
        elif f.confidence >= TELLING and not right:
            tallies[f.kind].other["beside " + mine[0][0].kind] += 1
    return calibration


def _event(fault: Fault, first: date, last: date, days: dict[str, list[date]]) -> tuple[date, date]:
    """A fault of a whole past is found where its event is."""
    at = days[fault.symbol][min(fault.event, len(days[fault.symbol]) - 1)]
    return (at, at) if fault.start == 0 else (first, last)


def measure(seeds: range, part: str) -> tuple[dict[str, Tally], list[tuple[float, bool]], int, float]:
    """Check damaged series; what is found in them without damage is left out here, and counted by ``false_alarms``."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    calibration: list[tuple[float, bool]] = []
    rows, began = 0, time.perf_counter()
    for group in clean_series(part):
        known = {(f.kind, f.symbol, f.start) for f in _checked(group, group.frames).findings}
        for kinds in (*((kind,) for kind in KINDS), KINDS):
            for seed in seeds:
                spoilt: dict[str, pl.DataFrame] = {}
                faults: list[Fault] = []
                for number, (symbol, frame) in enumerate(group.frames.items()):
                    made, planted = damaged(frame, symbol, kinds, 6, seed * 1000 + number * 17 + KINDS.index(kinds[0]))
                    spoilt[symbol] = made
                    faults += planted
                if not faults:
                    continue
                rows += sum(map(len, spoilt.values()))
                found = [f for f in _checked(group, spoilt).findings if (f.kind, f.symbol, f.start) not in known]
                days = {symbol: frame["date"].to_list() for symbol, frame in group.frames.items()}
                calibration += compared(found, faults, days, tallies)
    return tallies, calibration, rows, rows / (time.perf_counter() - began)


def _checked(group: Group, frames: dict[str, pl.DataFrame]) -> Checked:
    whole = pl.concat([frame.with_columns(pl.lit(symbol).alias("symbol")) for symbol, frame in frames.items()])
    return wb.check(whole, calendar=group.calendar)


def false_alarms(part: str) -> tuple[int, int, Counter[str]]:
    """Return findings on clean series, their symbol-days, and of which kinds."""
    count, days, kinds = 0, 0, Counter[str]()
    for group in clean_series(part):
        found = [f for f in _checked(group, group.frames).findings if f.confidence >= TELLING]
        count += len(found)
        days += sum(map(len, group.frames.values()))
        kinds.update(f"{f.kind} {f.symbol} {f.start}" for f in found)
    return count, days, kinds


def show(tallies: dict[str, Tally], days: int) -> None:
    print("| kind | planted | recall | 95 % | precision | 95 % | F1 | taken for something else |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in KINDS:
        t = tallies[kind]
        shares = (t.recall, wilson(t.found, t.planted), t.precision, wilson(t.found, t.found + t.false))
        cells = [f"{x:.3f}" if isinstance(x, float) else f"{x[0]:.2f} to {x[1]:.2f}" for x in shares]
        other = ", ".join(f"{name} ({n})" for name, n in t.other.most_common(3) if not name.startswith("beside"))
        print(f"| `{kind}` | {t.planted:,} | {' | '.join(cells)} | {t.f1:.3f} | {other} |")
    known = [tallies[kind].f1 for kind in KINDS if tallies[kind].planted]
    planted = sum(tallies[kind].planted for kind in KINDS)
    rate = f"{planted:,} faults in {days:,} symbol-days, one in {days // planted:,}"
    print(f"\nMacro mean of F1: {sum(known) / len(known):.3f}; {rate}.")
    stray = {kind: t for kind, t in tallies.items() if kind not in KINDS and (t.false or t.other)}
    print(
        "Kinds that were not planted: "
        + (", ".join(f"{k} ({t.false} false, {sum(t.other.values())} beside)" for k, t in stray.items()) or "none.")
    )


def show_calibration(calibration: list[tuple[float, bool]], days: int) -> None:
    """Print how often findings of a confidence are right."""
    print("\n| confidence | findings | right | 95 % |\n|---|---|---|---|")
    for low, high in pairwise((0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.001)):
        here = [right for confidence, right in calibration if low <= confidence < high]
        if here:
            interval = wilson(sum(here), len(here))
            share = f"{sum(here) / len(here):.3f} | {interval[0]:.2f} to {interval[1]:.2f}"
            print(f"| {low:.2f} to {min(high, 1):.2f} | {len(here):,} | {share} |")
    right = sum(right for _, right in calibration)
    print(f"\nBase rate: {len(calibration):,} findings, {right:,} of them right, in {days:,} symbol-days.")


def main() -> None:
    """Print the tables of docs/detection.md."""
    parser = argparse.ArgumentParser(description="Measure the detectors.")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--part", choices=["tuned", "held_out"], default="held_out")
    asked = parser.parse_args()
    seeds = range(asked.seeds) if asked.part == "tuned" else range(100, 100 + asked.seeds)
    tallies, calibration, days, speed = measure(seeds, asked.part)
    show(tallies, days)
    show_calibration(calibration, days)
    count, clean_days, kinds = false_alarms(asked.part)
    low, high = wilson(count, clean_days)
    rate = f"{1000 * count / clean_days:.3f} per thousand ({1000 * low:.2f} to {1000 * high:.2f})"
    print(f"\nClean: {count} findings on {clean_days:,} symbol-days, {rate}:")
    print("; ".join(kinds))
    print(f"\n{speed:,.0f} rows a second, `wb.check` from frame to findings.")


if __name__ == "__main__":
    main()
