"""The same rules again, as far as two validation frameworks express them over pandas."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from engines import ACROSS, FIELDS, HUGE, PRICES, RULES, read_pandas

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # great_expectations reads it when it is imported

PANDERA_LACKS: Final = ("short_session",)
"""A schema speaks of rows that are there."""


def pandera(table: Path) -> dict[str, int]:
    """Validate pandas with a schema; what looks at other columns or rows is a check of our own over the frame."""
    import pandera.pandas as pa

    bars = read_pandas(table)
    within = pa.Check.in_range(-HUGE, HUGE, error="absurd")
    positive = pa.Check.gt(0, error="non_positive")
    columns = {name: pa.Column(float, [positive, within], nullable=False) for name in PRICES}
    columns["volume"] = pa.Column(float, [pa.Check.ge(0, error="negative_volume"), within], nullable=False)
    checks = [pa.Check(partial(_passes, rule), error=rule, ignore_na=False) for rule in ACROSS]
    schema = pa.DataFrameSchema(columns, checks=checks, unique=["symbol", "event_at"], report_duplicates="exclude_first")
    counts = dict.fromkeys((rule for rule in RULES if rule not in PANDERA_LACKS), 0)
    try:
        schema.validate(bars, lazy=True)
    except pa.errors.SchemaErrors as found:
        cases = found.failure_cases
        is_empty = cases["check"] == "not_nullable"
        cases["rule"] = cases["check"].mask(is_empty, "empty_" + cases["column"])
        counts |= cases.groupby("rule")["index"].nunique().rename({"multiple_fields_uniqueness": "duplicate"}).to_dict()
    return counts


def _passes(rule: str, bars: pd.DataFrame) -> pd.Series:
    return ~ACROSS[rule](bars)


GREAT_EXPECTATIONS_LACKS: Final = ("far_return", "stale", "short_session")
"""An expectation sees one row at a time, or a whole column. It allows nothing for rounding, and of rows that share
a key it counts all, where the others count those after the first."""


def great_expectations(table: Path) -> dict[str, int]:
    """Validate a suite of expectations over pandas, and count the rows that each rule's expectations name."""
    import great_expectations as gx

    bars = read_pandas(table)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("bars").add_dataframe_asset("bars")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": bars})
    result = batch.validate(gx.ExpectationSuite("rules", expectations=_expectations()), result_format="COMPLETE")
    rows: dict[str, set[int]] = {rule: set() for rule in RULES if rule not in GREAT_EXPECTATIONS_LACKS}
    for each in result.results:
        rows[each.expectation_config.meta["rule"]] |= set(each.result["unexpected_index_list"] or ())
    return {rule: len(there) for rule, there in rows.items()}


def _expectations() -> list[object]:
    from great_expectations import expectations as gxe

    def ordered(rule: str, greater: str, lesser: str) -> object:
        return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=greater, column_B=lesser, or_equal=True, ignore_row_if="either_value_is_missing", meta={"rule": rule}
        )

    between = gxe.ExpectColumnValuesToBeBetween
    return [
        *(gxe.ExpectColumnValuesToNotBeNull(column=name, meta={"rule": f"empty_{name}"}) for name in FIELDS),
        *(between(column=name, min_value=0, strict_min=True, meta={"rule": "non_positive"}) for name in PRICES),
        between(column="volume", min_value=0, meta={"rule": "negative_volume"}),
        *(between(column=name, min_value=-HUGE, max_value=HUGE, meta={"rule": "absurd"}) for name in FIELDS),
        *(ordered("high_below", "high", name) for name in ("open", "low", "close")),
        *(ordered("low_above", name, "low") for name in ("open", "close")),
        gxe.ExpectColumnPairValuesToBeEqual(
            column_A="high",
            column_B="low",
            ignore_row_if="either_value_is_missing",
            row_condition="volume == 0",
            condition_parser="pandas",
            meta={"rule": "silent_move"},
        ),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["symbol", "event_at"], meta={"rule": "duplicate"}),
    ]
