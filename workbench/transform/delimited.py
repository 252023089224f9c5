"""Delimited text: which characters separate cells, whether there is a header, and the cells."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

import polars as pl

from workbench.model.errors import BadInput
from workbench.transform.numbers import decimal_mark, number
from workbench.transform.tables import RawTable

SAMPLE_LINES = 200
DELIMITERS = (",", ";", "\t", "|")
_LOOKS_LIKE_TIME = re.compile(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|^\d{8}([ T]\d{4,9})?$|^\d{10,19}$|^\d{1,2}-[A-Za-z]{3}-\d{2,4}$")
_MARKUP = re.compile(r"^\s*<(!doctype|html|head|body|\?xml|script)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Dialect:
    delimiter: str
    width: int


def decode(payload: bytes, *, origin: str) -> str:
    """Return the text in bytes: UTF-8 with or without a mark, UTF-16 with one, else Latin-1.

    Raises
    ------
    BadInput
        The bytes are no text.
    """
    if payload.startswith((b"\xff\xfe", b"\xfe\xff")):
        return payload.decode("utf-16")
    head = payload[:65536]
    control = sum(byte < 9 or 13 < byte < 32 for byte in head)
    if b"\0" in head or control > len(head) // 100:
        raise BadInput(f"{origin}: expected delimited text, found binary data; give a CSV, Parquet, Arrow or HDF5 file")
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        return payload.decode("latin-1")


def parse_delimited(payload: bytes, *, origin: str, label: str) -> RawTable:
    """Read delimited text into columns of text.

    Raises
    ------
    BadInput
        Empty, no text, markup, a header without rows, lines of different widths.
    """
    text = decode(payload, origin=origin)
    if not text.strip():
        raise BadInput(f"{origin}: the file is empty; expected a header and rows")
    if _MARKUP.match(text):
        raise BadInput(f"{origin}: expected delimited text, found a web page (HTML or XML); download the data again")
    text, label = _with_one_header(text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n"), label)
    dialect = _sniff(text)
    has_header = _has_header(text, dialect)
    _refuse_mixed_widths(text, dialect, origin=origin)
    frame = _cells(text, dialect, has_header=has_header, origin=origin)
    frame = frame.filter(~pl.all_horizontal(pl.all().is_null() | (pl.all().str.strip_chars() == "")))
    if frame.is_empty():
        raise BadInput(f"{origin}: found a header without rows ({', '.join(frame.columns)[:120]}); expected at least one row")
    decimal = _decimal(frame, dialect)
    return RawTable(frame, origin, label, has_header=has_header, decimal=decimal)


def _with_one_header(text: str, label: str) -> tuple[str, str]:
    """Fold the three header lines that Yahoo clients write for one ticker into one; the ticker is the label."""
    fields, *more = text.split("\n", 3)
    if len(more) < 3 or not (fields.startswith("Price,") and more[0].startswith("Ticker,") and more[1].startswith("Date")):
        return text, label
    tickers = set(more[0].split(",")[1:])
    if len(tickers) > 1:
        return text, label
    time = more[1].partition(",")[0]
    return f"{time},{fields.partition(',')[2]}\n{more[2]}", tickers.pop()


def _sniff(text: str) -> _Dialect:
    """Choose the delimiter that splits the first lines most evenly into most cells."""
    lines = [line for line in text.split("\n", SAMPLE_LINES)[:SAMPLE_LINES] if line.strip()]
    best = _Dialect(",", 1)
    best_rank = (0.0, 0)
    for delimiter in DELIMITERS:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter))
        width, count = widths.most_common(1)[0]
        rank = (count / len(lines), width)
        if (
            width > 1
            and rank[0] >= 0.5
            and (rank[0] > best_rank[0] + 0.2 or (rank[0] > best_rank[0] - 0.2 and width > best_rank[1]))
        ):
            best, best_rank = _Dialect(delimiter, width), rank
    return best


def _has_header(text: str, dialect: _Dialect) -> bool:
    """Tell whether the first line names columns: a line with a time or two numbers does not."""
    first = next(csv.reader([text.split("\n", 1)[0]], delimiter=dialect.delimiter))
    cells = [cell.strip() for cell in first]
    numeric = sum(_is_number(cell) for cell in cells)
    timely = sum(bool(_LOOKS_LIKE_TIME.match(cell)) for cell in cells)
    return timely + numeric == 0 or (numeric + timely) * 2 < len(cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _refuse_mixed_widths(text: str, dialect: _Dialect, *, origin: str) -> None:
    if '"' in text:
        rows = csv.reader(io.StringIO(text), delimiter=dialect.delimiter)
        widths = ((rows.line_num, len(row)) for row in rows if row)
    else:
        lines = pl.Series(text.split("\n"))
        counts = lines.str.count_matches(dialect.delimiter, literal=True) + 1
        odd = (counts != dialect.width) & (lines.str.strip_chars() != "")
        widths = ((int(i) + 1, int(counts[int(i)])) for i in odd.arg_true()[:1])
    for line, width in widths:
        if width != dialect.width:
            raise BadInput(
                f"{origin}: line {line} has {width} cells where others have {dialect.width}; "
                "mend or remove that line, or fetch the file again if it was cut short"
            )


def _cells(text: str, dialect: _Dialect, *, has_header: bool, origin: str) -> pl.DataFrame:
    try:
        frame = pl.read_csv(
            text.encode(),
            separator=dialect.delimiter,
            has_header=has_header,
            infer_schema=False,
            truncate_ragged_lines=False,
        )
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"{origin}: the text cannot be split into columns: {str(error).splitlines()[0]}") from error
    return frame.rename({name: name.strip().strip("\ufeff") for name in frame.columns}) if has_header else frame


def _decimal(frame: pl.DataFrame, dialect: _Dialect) -> str:
    """Decide the decimal mark once for the file, from the cells that hold numbers."""
    head = frame.head(SAMPLE_LINES)
    cells = pl.concat([head[name].rename("cell") for name in head.columns])
    numeric = cells.filter(cells.str.contains(r"^[+-]?[\d.,\s]+$")) if len(cells) else cells
    if dialect.delimiter == "," and not numeric.str.contains(",", literal=True).any():
        return "."
    mark = decimal_mark(numeric)
    as_read = numeric.to_frame("cell").select(number(pl.col("cell"), decimal=mark).null_count()).item()
    return mark if as_read == 0 or mark == "," else "."
