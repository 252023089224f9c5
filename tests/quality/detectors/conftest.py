"""Tracks made by hand: a calm walk, as bars or as single values, and what may be put into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workbench.quality.detectors.track import Track

Make = Callable[..., Track]
FIRST = 18_993  # 2022-01-01, a Saturday


def weekdays(count: int) -> np.ndarray[Any, Any]:
    days = np.arange(FIRST, FIRST + 2 * count + 10)
    return days[(days + 3) % 7 < 5][:count].astype(np.int32)


def walk(count: int = 400, *, seed: int = 1, sigma: float = 0.015, price: float = 50.0) -> dict[str, np.ndarray[Any, Any]]:
    random = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(random.normal(0, sigma, count)))
    opened = np.concatenate([[price], close[:-1]]) * np.exp(random.normal(0, sigma / 3, count))
    high = np.maximum(opened, close) * np.exp(np.abs(random.normal(0, sigma / 3, count)))
    low = np.minimum(opened, close) * np.exp(-np.abs(random.normal(0, sigma / 3, count)))
    volume = np.round(1e6 * np.exp(random.normal(0, 0.3, count)))
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume}


def track_of(values: dict[str, np.ndarray[Any, Any]], **more: Any) -> Track:
    prices = tuple(name for name in ("open", "high", "low", "close", "value", "bid", "ask") if name in values)
    count = len(next(iter(values.values())))
    session = more.pop("session", weekdays(count))
    at = session.astype(np.int64) * 86_400_000_000
    return Track("AAA", np.arange(count), at, session, values, prices, more.pop("frequency", "1d"), **more)


@pytest.fixture
def bars() -> dict[str, np.ndarray[Any, Any]]:
    return walk()
