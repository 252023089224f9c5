"""A Redis server of a test's own, and events as a feed sends them."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

OPENS_AT = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
MINUTES = 'dataset = "minutes"\nkind = "bars"\nfrequency = "1m"\ncalendar = "XNYS"\n'
TRADES = 'dataset = "trades"\nkind = "ticks"\nfrequency = "irregular"\ncalendar = "XNYS"\n'


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """Start a server that keeps nothing on disk; give its port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs a Redis server: redis-server is not on the PATH")
    import redis

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                redis.Redis(port=port).ping()
                break
            except redis.exceptions.ConnectionError:
                time.sleep(0.05)
        yield port
    finally:
        server.kill()
        server.wait()


def bars(minutes: int, symbols: tuple[str, ...] = ("AAA", "BBB"), *, start: datetime = OPENS_AT, seed: int = 1) -> list[str]:
    """Return one line a bar, in the order of time."""
    random, lines = Random(seed), []
    for minute in range(minutes):
        for symbol in symbols:
            close = round(100 + random.random(), 2)
            bar = {"open": close, "high": close + 0.2, "low": close - 0.2, "close": close, "volume": random.randint(1, 999)}
            lines.append(json.dumps({"symbol": symbol, "time": (start + timedelta(minutes=minute)).isoformat(), **bar}))
    return lines


def trades(count: int, *, seed: int = 1) -> list[str]:
    """Return one line a trade; many share a moment, a price and a size."""
    random = Random(seed)
    return [
        json.dumps(
            {"symbol": random.choice("ABC"), "time": (OPENS_AT + timedelta(milliseconds=number // 4)).isoformat(),
             "price": random.choice((10.0, 10.01)), "size": 100, "id": number}
        )
        for number in range(count)
    ]  # fmt: skip


def changed(line: str, **fields: Any) -> str:
    """Return a line with other values."""
    return json.dumps({**json.loads(line), **fields})


def write(path: Path, lines: list[str], *, ends: bool = True) -> Path:
    """Write lines to a file."""
    path.write_text("\n".join(lines) + ("\n" if ends else ""))
    return path
