"""Notebooks in warm kernels against notebooks in ordinary ones, in the same run.

Backs the choice of kernels that a warm process forks (docs/performance.md). Overhead is papermill's time for a notebook
less the time its code takes in a process that has everything imported.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Final

from workbench.lab.lab import open_lab
from workbench.lab.layout import lay_out
from workbench.pipeline.daily import run_daily

if TYPE_CHECKING:
    from collections.abc import Callable

IMPORTS: Final = "import pandas, polars as pl, pyarrow, plotly.graph_objects, workbench as wb"
CELLS: Final = (
    IMPORTS,
    "n = 1",
    "frame = pl.DataFrame({'a': range(1000), 'b': [i % 7 for i in range(1000)]}).group_by('b').agg(pl.col('a').sum())\nframe",
    "wb.__version__",
)
WAYS: Final[dict[str, dict[str, Any]]] = {
    "plain papermill": {},
    "papermill -k workbench-warm": {"kernel_name": "workbench-warm"},
    "workbench run": {"engine_name": "workbench", "request_save_on_cell_execute": False},
}


def notebook_of(folder: Path) -> Path:
    """Write a small notebook."""
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    notebook.cells[1].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "small.ipynb")
    return folder / "small.ipynb"


def execute(notebook: Path, number: int, options: dict[str, Any]) -> float:
    """Execute it once; return seconds."""
    import papermill

    started = time.perf_counter()
    output = notebook.with_name(f"out-{number}.ipynb")
    papermill.execute_notebook(notebook, output, parameters={"n": number}, progress_bar=False, **options)
    return time.perf_counter() - started


def in_process() -> float:
    """Run the same code here, everything imported; return seconds."""
    code = compile("\n".join(CELLS), "cells", "exec")
    exec(code, {})
    started = time.perf_counter()
    exec(code, {})
    return time.perf_counter() - started


def show_overhead(notebook: Path, runs: int) -> None:
    """Print the overhead of each way, one notebook after the other, and how many a second two workers manage."""
    own = in_process()
    print(f"\nthe code alone: {own * 1000:.0f} ms\n")
    print("| way | overhead, median ms | p95 ms | notebooks a second, 2 workers |\n|---|---|---|---|")
    for name, options in WAYS.items():
        execute(notebook, 0, options)
        count = runs if options else max(6, runs // 5)
        took = [1000 * (execute(notebook, number, options) - own) for number in range(count)]
        rate = throughput(notebook, options, count)
        print(f"| {name} | {median(took):.0f} | {quantiles(took, n=20)[-1]:.0f} | {rate:.1f} |", flush=True)


def throughput(notebook: Path, options: dict[str, Any], count: int) -> float:
    """Return notebooks a second of two workers that have papermill imported."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(partial(execute, notebook, options=options), range(2)))
        started = time.perf_counter()
        list(pool.map(partial(execute, notebook, options=options), range(10, 10 + 2 * count)))
        return 2 * count / (time.perf_counter() - started)


def timed(run: Callable[[], object]) -> float:
    """Return the seconds something takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def show_day(folder: Path, runs: int) -> None:
    """Print what five stages of a day of the sample take, warm and cold."""
    lay_out(folder)
    lab = open_lab(folder)
    data = lab["us_equities"]
    data.update()
    day = partial(run_daily, lab, data, date(2000, 3, 8), now=datetime(2013, 3, 2, tzinfo=UTC), force=True)
    day()
    warm = median(timed(day) for _ in range(runs))
    cold = median(timed(partial(day, cold=True)) for _ in range(max(2, runs // 3)))
    print(f"\nfive stages of a day: {warm:.2f} s warm, {cold:.2f} s cold, {warm / cold:.2f} of it")


def main() -> None:
    """Compare the ways."""
    parser = argparse.ArgumentParser(description="Measure executed notebooks, warm and cold.")
    parser.add_argument("--runs", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        show_overhead(notebook_of(folder), asked.runs)
        show_day(folder / "lab", max(2, asked.runs // 5))


if __name__ == "__main__":
    main()
