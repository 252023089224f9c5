"""By hand: kill a backfill, or a stream, at fifty random moments, and compare what is left with an undisturbed one.

    python -m tests.faults.kills backfill --kills 50
    python -m tests.faults.kills stream --kills 50

A short selection of the same runs with the other tests; figures are in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import redis

from tests.conftest import ROOT, processes_naming
from tests.feeds import TRADES, redis_server, trades, write
from tests.pipeline.test_backfill import NAME, outcome
from workbench.audit.store import shelf
from workbench.lab.lab import Lab, open_lab
from workbench.lab.layout import lay_out
from workbench.lake import Zone
from workbench.model.runs import Outcome

WORKBENCH = (sys.executable, "-m", "workbench")
START, END = "2000-03-01", "2001-02-28"
EVENTS_A_SECOND = 4_000


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def killed(command: list[str], times: int, dice: random.Random, longest: float) -> int:
    """Start a command and kill it with all its processes, again and again; return how often it was still at work."""
    hit = 0
    for _ in range(times):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            process.wait(dice.uniform(0.05, longest))
        except subprocess.TimeoutExpired:
            hit += 1
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.wait()
    return hit


def left_behind(lab: Lab) -> list[str]:
    """Return what should not be there: processes, temporary files, runs that did not end."""
    files = [path for path in lab.root.rglob("*") if path.is_file() and (path.suffix == ".part" or ".partial." in path.name)]
    runs = shelf(lab.lake.zone(Zone.METADATA), unfinished=True).runs
    found = [f"process {pid}" for pid in processes_naming(str(lab.root)) if pid != os.getpid()]
    return [*found, *map(str, files), *(run.id for run in runs if run.outcome is Outcome.UNFINISHED)]


def backfill(folder: Path, kills: int, dice: random.Random) -> bool:
    """Kill a backfill of a year."""
    undisturbed, disturbed = folder / "undisturbed", folder / "disturbed"
    for root in (undisturbed, disturbed):
        lay_out(root)
    command = [*WORKBENCH, "backfill", NAME, "--start", START, "--end", END, "--notebooks", "none", "--workers", "2", "--lab"]
    began = time.monotonic()
    subprocess.run([*command, str(undisturbed)], check=True, capture_output=True)
    alone = time.monotonic() - began
    hit = killed([*command, str(disturbed)], kills, dice, 5.0)
    before = len(shelf(open_lab(disturbed).lake.zone(Zone.METADATA)).runs)
    subprocess.run([*command, str(disturbed)], check=True, capture_output=True)
    same = outcome(open_lab(disturbed)) == outcome(open_lab(undisturbed))
    left = left_behind(open_lab(disturbed))
    say(f"backfill: {hit} of {kills} kills while it worked, {before} sessions done by then; undisturbed {alone:.0f} s")
    say(f"tables and scores the same: {same}; left behind: {left or 'nothing'}")
    return same and not left


def stream(folder: Path, kills: int, dice: random.Random) -> bool:
    """Kill a stream that is fed meanwhile."""
    for name in ("batch", "disturbed"):
        lay_out(folder / name)
        (folder / name / "contracts" / "trades.toml").write_text(TRADES)
    lines = trades(EVENTS_A_SECOND * kills * 2)
    with redis_server(folder) as port:
        address = f"redis://127.0.0.1:{port}/0?stream=trades"
        command = [*WORKBENCH, "stream", "trades", "--from", address, "--until-idle", "0", "--no-judge"]
        command += ["--lab", str(folder / "disturbed")]
        stop = threading.Event()
        sender = threading.Thread(target=feed, args=(port, lines, stop.is_set))
        sender.start()
        hit = killed(command, kills, dice, 3.0)
        stop.set()
        sender.join()
        subprocess.run(command, check=True, capture_output=True)
    data = open_lab(folder / "disturbed")["trades"]
    batch = open_lab(folder / "batch")["trades"]
    batch.update([write(folder / "all.jsonl", lines)])
    rows = data.read().to_polars()
    once = len(rows) == rows["event"].n_unique() == len(lines)
    same = once and data.score().to_json() == batch.score().to_json()
    left = left_behind(open_lab(folder / "disturbed"))
    say(f"stream: {hit} of {kills} kills while it worked; {len(lines):,} events sent, {len(rows):,} there, each once: {once}")
    say(f"score that of a batch: {same}; left behind: {left or 'nothing'}")
    return same and not left


def feed(port: int, lines: list[str], is_over: Callable[[], bool]) -> None:
    """Send events at an even pace, and once it is over all that are left."""
    client, began = redis.Redis(port=port), time.monotonic()
    for first in range(0, len(lines), 1000):
        pipe = client.pipeline(transaction=False)
        for line in lines[first : first + 1000]:
            pipe.xadd("trades", {"data": line})
        pipe.execute()
        while not is_over() and time.monotonic() - began < first / EVENTS_A_SECOND:
            time.sleep(0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["backfill", "stream"])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT)
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        ended_well = {"backfill": backfill, "stream": stream}[asked.what](folder, asked.kills, random.Random(asked.seed))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if ended_well else 1)


if __name__ == "__main__":
    main()
