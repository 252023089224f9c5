"""A Redis stream taken in, against merely reading and acknowledging it, in the same run.

Backs the choice of micro-batches whose bytes are published before their rows are committed (docs/performance.md). First the
events lie there already, and the question is how many a second; then they come at an even pace, and the question is how
long each takes until it can be read.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTRACT: Final = 'dataset = "trades"\nkind = "ticks"\nfrequency = "irregular"\ncalendar = "XNYS"\n'
OPENS_AT: Final = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
MOST: Final = 25_000


def events(count: int) -> list[bytes]:
    """Return trades of 50 symbols in one session, as JSON lines."""
    dice, step = random.Random(1), timedelta(microseconds=int(23_000e6 / count))
    return [
        json.dumps(
            {"symbol": f"S{dice.randrange(50):03}", "time": (OPENS_AT + number * step).isoformat(),
             "price": round(100 + dice.random(), 2), "size": dice.randrange(1, 500), "id": number}
        ).encode()
        for number in range(count)
    ]  # fmt: skip


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """Start a Redis server that keeps nothing on disk; give its port."""
    import redis

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            try:
                redis.Redis(port=port).ping()
                break
            except redis.exceptions.ConnectionError:
                time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def send(port: int, key: str, lines: list[bytes], rate: float | None = None) -> None:
    """Add events to a stream; at a pace, where one is given."""
    import redis

    client, began = redis.Redis(port=port), time.monotonic()
    for first in range(0, len(lines), 1000):
        pipe = client.pipeline(transaction=False)
        for line in lines[first : first + 1000]:
            pipe.xadd(key, {"data": line})
        pipe.execute()
        if rate:
            time.sleep(max(0.0, first / rate - (time.monotonic() - began)))


def only_read(port: int, key: str) -> float:
    """Read and acknowledge a stream, and do nothing with it; return seconds."""
    import redis

    client = redis.Redis(port=port, protocol=2)
    client.set_response_callback("XREADGROUP", lambda response, **_: response)
    client.xgroup_create(key, "floor", id="0")
    began = time.monotonic()
    while found := client.xreadgroup("floor", "one", {key: ">"}, count=MOST):
        client.xack(key, "floor", *[entry for entry, _ in found[0][1]])
    return time.monotonic() - began


def followed(folder: Path, port: int, key: str, idle: float) -> dict[str, Any]:
    """Take a stream in with ``workbench stream``; return what it says of itself."""
    command = [sys.executable, "-m", "workbench", "stream", "trades", "--from", f"redis://127.0.0.1:{port}/0?stream={key}"]
    command += ["--lab", str(folder), "--until-idle", str(idle), "--no-judge", "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def show(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description="Measure a stream against merely reading it.")
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rate", type=float, default=50_000, help="events a second of the live part")
    asked = parser.parse_args()
    if shutil.which("redis-server") is None:
        show("redis-server is not on the PATH: not measured")
        return
    lines = events(asked.events)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "lab"
        subprocess.run([sys.executable, "-m", "workbench", "init", str(folder)], check=True, capture_output=True)
        (folder / "contracts" / "trades.toml").write_text(CONTRACT)
        with server(Path(temporary)) as port:
            send(port, "waiting", lines)
            floor = only_read(port, "waiting")
            taken = followed(folder, port, "waiting", 0)
            sender = threading.Thread(target=send, args=(port, "live", lines, asked.rate))
            sender.start()
            live = followed(folder, port, "live", 3)
            sender.join()
    rate, most, within = taken["events_per_second"], asked.events / floor, live["latency_seconds"]
    show(f"{asked.events:,} trades that lie there: {rate:,.0f} a second; only read: {most:,.0f}, {most / rate:.1f} times as many")
    show(f"{live['events']:,} at {asked.rate:,.0f} a second: readable within {within['p50']} s (median), {within['p95']} s (p95)")


if __name__ == "__main__":
    main()
