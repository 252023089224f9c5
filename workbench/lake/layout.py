"""How rows lie in files: partition columns, and order within a file. Frame -> frame; pure."""

from __future__ import annotations

from typing import Final

import polars as pl
import polars.selectors as cs

from workbench.lake.zones import safe_name
from workbench.model.contract import PartitionBy
from workbench.model.errors import BadInput
from workbench.model.names import EVENT_AT, RECEIPT, ROW, SESSION, SYMBOL

SYMBOL_KEY: Final = "symbol_key"

PARTITION_COLUMNS: Final[dict[PartitionBy, tuple[str, ...]]] = {
    PartitionBy.TIME: ("year", "month"),
    PartitionBy.SYMBOL: (SYMBOL_KEY,),
    PartitionBy.HYBRID: ("year", "month", SYMBOL_KEY),
}
"""The columns that name a table's folders; readers never see them."""

ORDER: Final = (SYMBOL, EVENT_AT, ROW, RECEIPT)
"""Rows of a file are sorted by these, as far as the table has them."""


def laid_out(frame: pl.DataFrame, by: PartitionBy) -> pl.DataFrame:
    """Sort rows as a file holds them and add the partition columns.

    Parameters
    ----------
    frame : DataFrame
        With ``symbol`` (String, null allowed) and ``session`` (Date, null allowed).
    by : PartitionBy

    Returns
    -------
    DataFrame
        ``year``, ``month`` (Int32) are the session's, null where it is null; ``symbol_key``
        (String, never null) is a safe path segment made from the symbol. Unsigned integers, which
        Delta does not have, are Int64.

    Raises
    ------
    BadInput
        A column has the name of a partition column, or no type.
    """
    taken = [name for name in PARTITION_COLUMNS[PartitionBy.HYBRID] if name in frame.columns]
    untyped = [name for name, dtype in frame.schema.items() if dtype == pl.Null]
    if taken or untyped:
        problem = f"'{taken[0]}' is the name of a partition column" if taken else f"'{untyped[0]}' has no type"
        raise BadInput(f"column {problem}; rename it or cast it before it is written")
    tidy = frame.with_columns(cs.unsigned_integer().cast(pl.Int64)).sort([name for name in ORDER if name in frame.columns])
    session = pl.col(SESSION).dt
    columns = {
        "year": session.year().cast(pl.Int32),
        "month": session.month().cast(pl.Int32),
        SYMBOL_KEY: _keys(frame) if by is not PartitionBy.TIME else pl.lit(None),
    }
    return tidy.with_columns(columns[name].alias(name) for name in PARTITION_COLUMNS[by])


def _keys(frame: pl.DataFrame) -> pl.Expr:
    keys = {symbol: safe_name(symbol) for symbol in frame[SYMBOL].fill_null("").unique()}
    return pl.col(SYMBOL).fill_null("").replace_strict(keys, return_dtype=pl.String)
