"""Time and memory of several ways of doing one thing, as ratios to a floor.

Backs no decision itself. Each run has a fresh process, so that no way profits from another's caches
and memory is its own; each is timed right after a run of the floor, so that a machine that slows down
slows both; processor time (of all threads) tells whether others were busy. Imports, and the start of
Python, are not timed.
"""

from __future__ import annotations

import importlib
import os
import platform
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Way:
    """One way of doing the work.

    Attributes
    ----------
    run
        Can be pickled: a function of a module, or a ``functools.partial`` of one.
    packages
        What it imports, before the clock starts; where one of them is absent the way is left out.
    note
        Stands in the table's last column.
    """

    name: str
    run: Callable[[], Any]
    packages: tuple[str, ...] = ("polars",)
    note: str = ""

    @property
    def absent(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.distributions if find_spec(name) is None]

    @property
    def distributions(self) -> list[str]:
        """The packages without their submodules."""
        return [name.partition(".")[0] for name in self.packages]


@dataclass(frozen=True, slots=True)
class Once:
    """One run: wall and processor time of the call, peak resident memory of its process, and what it returned."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    result: Any


@dataclass(frozen=True, slots=True)
class Timing:
    """All runs of one way: medians of its times and of the ratio to the floor, the greatest peak, the last result."""

    way: Way
    seconds: float
    cpu_seconds: float
    ratio: float
    peak_mb: float
    result: Any


def compare(floor: Way, ways: Sequence[Way], *, repetitions: int = 3) -> list[Timing]:
    """Run every way ``repetitions`` times, each time after the floor; return the floor's timing, then theirs.

    A way whose packages are absent is left out, and a line says so.
    """
    there = [way for way in ways if not way.absent]
    for way in ways:
        if way.absent:
            print(f"{way.name}: left out, {' and '.join(way.absent)} not installed")
    floors: list[Once] = []
    runs: dict[str, list[tuple[Once, float]]] = {way.name: [] for way in there}
    for _ in range(repetitions):
        for way in there:
            floors.append(run_once(floor))
            once = run_once(way)
            runs[way.name].append((once, once.seconds / floors[-1].seconds))
    lowest = _timing(floor, [(once, 1.0) for once in floors or [run_once(floor)]])
    return [lowest, *(_timing(way, runs[way.name]) for way in there)]


def run_once(way: Way) -> Once:
    """Run a way in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_timed, way).result()


def _timed(way: Way) -> Once:
    for name in way.packages:
        importlib.import_module(name)
    began, cpu_began = time.perf_counter(), time.process_time()
    result = way.run()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    return Once(seconds, cpu_seconds, _peak_mb(), result)


def _peak_mb() -> float:
    """Return the peak of this process; Linux counts into ru_maxrss what the parent held when it started us."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _timing(way: Way, runs: Sequence[tuple[Once, float]]) -> Timing:
    seconds = median(once.seconds for once, _ in runs)
    cpu_seconds = median(once.cpu_seconds for once, _ in runs)
    ratio = median(ratio for _, ratio in runs)
    return Timing(way, seconds, cpu_seconds, ratio, max(once.peak_mb for once, _ in runs), runs[-1][0].result)


def warm(files: Iterable[Path]) -> None:
    """Read files once, so that no way pays for the disk."""
    for file in files:
        with file.open("rb") as stream:
            while stream.read(1 << 24):
                pass


def show(title: str, timings: Sequence[Timing]) -> None:
    """Print one table, under the machine, versions and date that it was measured with."""
    packages = sorted({name for timing in timings for name in timing.way.distributions})
    print(title)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    width = max(len(timing.way.name) for timing in timings)
    print(f"{'':{width}}  {'seconds':>8}  {'x floor':>8}  {'cpu s':>8}  {'peak MB':>8}")
    for timing in timings:
        numbers = f"{timing.seconds:8.3f}  {timing.ratio:8.2f}  {timing.cpu_seconds:8.3f}  {timing.peak_mb:8,.0f}"
        print(f"{timing.way.name:{width}}  {numbers}  {timing.way.note}".rstrip())


def machine() -> str:
    """Return the processor's model and the number of cores."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores"
