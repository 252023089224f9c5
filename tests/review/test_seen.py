"""A fingerprint is of the values in a span, and of nothing else."""

import struct
from datetime import date, timedelta
from hashlib import blake2b

import polars as pl

from workbench.review.proposals import WHEN
from workbench.review.seen import seen

FIRST = date(2024, 1, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(10)]
ROWS = pl.DataFrame({WHEN: DAYS, "close": [float(n) for n in range(10)], "volume": [None, *range(9)], "row": range(10)})
SPANS = [(DAYS[2], DAYS[4]), (DAYS[5], DAYS[5]), (DAYS[0], DAYS[9])]
FIELDS = ("close", "volume")


def changed(name: str, place: int, value: float | None) -> pl.DataFrame:
    values = ROWS[name].to_list()
    values[place] = value
    return ROWS.with_columns(pl.Series(name, values))


def test_it_changes_with_a_value_inside_and_with_none_outside() -> None:
    before = seen(ROWS, SPANS, FIELDS)
    after = seen(changed("close", 3, 3.0000001), SPANS, FIELDS)
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, False]
    assert seen(changed("volume", 5, None), SPANS, FIELDS)[1] != before[1]
    assert seen(ROWS.filter(pl.col(WHEN) != DAYS[5]), SPANS, FIELDS)[1] != before[1]


def test_it_does_not_change_with_order_with_rows_of_the_lake_or_with_columns_of_nothing() -> None:
    before = seen(ROWS, SPANS, FIELDS)
    assert seen(ROWS.with_columns(pl.col("row") + 7), SPANS, FIELDS) == before
    assert seen(ROWS.with_columns(pl.lit(None, dtype=pl.Float64).alias("vwap")), SPANS, (*FIELDS, "vwap")) == before
    twice = pl.concat([ROWS, ROWS.head(1).with_columns(close=pl.lit(5.0))]).sort(WHEN)
    turned = pl.concat([ROWS.head(1).with_columns(close=pl.lit(5.0)), ROWS]).sort(WHEN, maintain_order=True)
    assert seen(twice, SPANS, FIELDS) == seen(turned, SPANS, FIELDS)


def test_swapped_values_are_other_values() -> None:
    swapped = ROWS.with_columns(close=pl.col("close").reverse())
    assert seen(swapped, [SPANS[2]], ("close",)) != seen(ROWS, [SPANS[2]], ("close",))


def test_it_is_what_its_formula_says() -> None:
    """Worked out once more with plain integers: the same on every machine, and in every version."""
    word = 2**64 - 1

    def mixed(x: int) -> int:
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & word
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB & word
        return x ^ (x >> 31)

    total = 0
    for row in ROWS.slice(2, 3).iter_rows(named=True):
        one = mixed((row[WHEN] - date(1970, 1, 1)).days)
        for name in FIELDS:
            bits = int.from_bytes(struct.pack("<d", row[name]), "little")
            one += mixed(mixed(bits) + int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") & word)
        total += mixed(one & word)
    assert seen(ROWS, [SPANS[0]], FIELDS) == [f"{total & word:016x}"]
