"""What a decision was taken about: a fingerprint of the rows of a span, so that it is known when they are others. Pure."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.review.proposals import WHEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.model.decisions import Moment

    Hashes = NDArray[np.uint64]

_MIX: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS: Final = (np.uint64(30), np.uint64(27), np.uint64(31))


def seen(rows: pl.DataFrame, spans: Sequence[tuple[Moment, Moment]], fields: Sequence[str]) -> list[str]:
    """Fingerprint what some spans of one symbol's rows hold.

    Parameters
    ----------
    rows : DataFrame
        One symbol's rows as they arrived, sorted by ``when``, which is never null.
    spans : sequence of (date, date) or (datetime, datetime)
        Both included.
    fields : sequence of str
        The numeric columns that count; one that is absent is one of nulls.

    Returns
    -------
    list of str
        16 hex digits for each span.

    Notes
    -----
    Each row is hashed over its moment and its values (the finaliser of splitmix64: Steele, Lea, Flood, "Fast splittable
    pseudorandom number generators", 2014); a span has the sum, modulo 2**64, so that the order of its rows does not matter.
    """
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(_rows_hashed(rows, fields), dtype=np.uint64)])
    when = rows[WHEN]
    bounds = pl.DataFrame({"start": [s for s, _ in spans], "end": [e for _, e in spans]}).cast(when.dtype)
    low = np.asarray(when.search_sorted(bounds["start"], side="left"))
    high = np.asarray(when.search_sorted(bounds["end"], side="right"))
    return [f"{value:016x}" for value in (sums[high] - sums[low]).tolist()]


def _rows_hashed(rows: pl.DataFrame, fields: Sequence[str]) -> Hashes:
    total = _mixed(rows[WHEN].to_physical().cast(pl.Int64).to_numpy().view(np.uint64))
    for name in (name for name in fields if name in rows.columns):
        column = rows[name].cast(pl.Float64)
        bits = (column.fill_null(0.0).to_numpy() + 0.0).view(np.uint64)  # -0.0 is 0.0
        salt = np.uint64(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big"))
        total += np.where(column.is_not_null().to_numpy(), _mixed(_mixed(bits) + salt), np.uint64(0))
    return _mixed(total)


def _mixed(values: Hashes) -> Hashes:
    """Spread every bit over all of them."""
    for factor, shift in zip(_MIX, _SHIFTS, strict=False):
        values = (values ^ (values >> shift)) * factor
    return values ^ (values >> _SHIFTS[2])
