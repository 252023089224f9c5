"""Any common dialect and naming is read; what is no table is refused in one line."""

import gzip
import io
import zipfile
from datetime import date

import polars as pl
import pytest

from workbench.model.errors import BadInput
from workbench.model.names import Kind
from workbench.transform.formats import label_of, parse_bytes
from workbench.transform.standardise import Arrived, Origin, standardise


def read(text: str | bytes, name: str = "ABC.csv") -> Arrived:
    payload = text.encode() if isinstance(text, str) else text
    return standardise([Origin(table) for table in parse_bytes(payload, origin=name)])


ROWS = "2024-01-02,10,11,9,10.5,1000\n2024-01-03,10.5,12,10,11,2000\n2024-01-04,11,11.5,10.5,11.2,1500\n"
PLAIN = "Date,Open,High,Low,Close,Volume\n" + ROWS
EPOCHS = {"2024-01-02": 1704153600, "2024-01-03": 1704240000, "2024-01-04": 1704326400}


def with_epochs(scale: int) -> str:
    text = PLAIN
    for day, epoch in EPOCHS.items():
        text = text.replace(day, str(epoch * scale))
    return text


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", ";").replace(".", ","),
        PLAIN.replace("Date", "<DATE>").replace("Open", "<OPEN>").replace("Close", "<CLOSE>"),
        PLAIN.replace("2024-01-02", "1/2/2024").replace("2024-01-03", "1/3/2024").replace("2024-01-04", "1/4/2024"),
        PLAIN.replace("2024-01-02", "02.01.2024").replace("2024-01-03", "03.01.2024").replace("2024-01-04", "04.01.2024"),
        PLAIN.replace("2024-01-02", "2-Jan-24").replace("2024-01-03", "3-Jan-24").replace("2024-01-04", "4-Jan-24"),
        PLAIN.replace("2024-01-02", "20240102").replace("2024-01-03", "20240103").replace("2024-01-04", "20240104"),
        with_epochs(1),
        with_epochs(1000),
        PLAIN.replace("1000", '"1,000"').replace("2000", '"2,000"').replace("1500", '"1,500"'),
        PLAIN.replace("Open", "1. open").replace("Close", "4. close").replace("High", "2. high").replace("Low", "3. low"),
        ROWS,
        PLAIN.replace("Close", "Price").replace("Volume", "Vol."),
        "Price,Open,High,Low,Close,Volume\nTicker" + ",ABC" * 5 + "\nDate,,,,,\n" + ROWS,
    ],
    ids=[
        "plain", "bom", "crlf", "tab", "pipe", "semicolon", "decimal comma", "metastock", "M/D/YYYY", "D.M.YYYY",
        "D-Mon-YY", "YYYYMMDD", "epoch s", "epoch ms", "thousands", "alpha vantage", "no header",
        "price is the close", "three headers",
    ],
)  # fmt: skip
def test_every_dialect_gives_the_same_bars(text: str) -> None:
    arrived = read(text)
    assert arrived.kind is Kind.BARS
    assert arrived.frequency == "1d"
    frame = arrived.frame
    assert frame["stamp"].dt.date().to_list() == [date(2024, 1, d) for d in (2, 3, 4)]
    assert frame["open"].to_list() == [10.0, 10.5, 11.0]
    assert frame["close"].to_list() == [10.5, 11.0, 11.2]
    assert frame["volume"].to_list() == [1000.0, 2000.0, 1500.0]
    assert frame["symbol"].unique().to_list() == ["ABC"]
    assert frame["unreadable"].null_count() == 3


def test_missing_words_are_missing_and_other_text_is_unreadable() -> None:
    frame = read("Date,Close\n2024-01-02,.\n2024-01-03,N/A\n2024-01-04,abc\n2024-01-05,1.5\n2024-01-08,2\n2024-01-09,3\n").frame
    assert frame["close"].to_list() == [None, None, None, 1.5, 2.0, 3.0]
    assert frame["unreadable"].to_list() == [None, None, "close", None, None, None]


def test_offsets_are_kept_and_local_days_stay() -> None:
    frame = read("Datetime,Close\n2023-03-24 00:00:00+01:00,1\n2023-03-27 00:00:00+02:00,2\n").frame
    assert frame["offset_minutes"].to_list() == [60, 120]
    assert frame["stamp"].dt.day().to_list() == [24, 27]


def test_midnights_written_in_utc_are_the_next_day_in_berlin() -> None:
    frame = read("t,Close\n2023-05-29T22:00:00Z,1\n2023-05-30T22:00:00Z,2\n2023-05-31T22:00:00Z,2\n").frame
    assert frame["stamp"].dt.day().to_list() == [30, 31, 1]


def test_mixed_precision_is_read_whole() -> None:
    stamps = "timestamp,bid,ask\n2013-01-01 22:00:00.295000+00:00,1,2\n2013-01-01 22:00:01+00:00,1,2\n"
    assert read(stamps).frame["stamp"].null_count() == 0


def test_day_first_is_told_by_order_where_no_day_exceeds_twelve() -> None:
    text = "Date,Close\n" + "".join(f"{day:02d}/03/2024,{day}\n" for day in range(1, 13))
    assert read(text).frame["stamp"].dt.month().unique().to_list() == [3]


def test_a_wide_table_becomes_one_symbol_for_each_column_from_its_first_value_on() -> None:
    arrived = read("Date,A,B,SIZE\n2024-01-02,1,,3\n2024-01-03,2,5,\n2024-01-04,3,6,4\n")
    assert arrived.kind is Kind.VALUES
    counts = dict(arrived.frame.group_by("symbol").len().iter_rows())
    assert counts == {"A": 3, "B": 2, "SIZE": 3}


def test_the_symbol_column_wins_over_the_file_name_and_odd_symbols_stay_as_they_are() -> None:
    odd = ["BRK/B", "^GSPC", "ES=F", "BTC-USD", "../../x", "<script>", "=cmd()", "x" * 10_000]
    text = "symbol,date,close\n" + "".join(f"{symbol},2024-01-02,1\n" for symbol in odd)
    assert read(text).frame["symbol"].to_list() == odd


def test_descending_files_are_a_convention_and_single_steps_back_are_counted() -> None:
    lines = PLAIN.splitlines()
    descending = "\n".join([lines[0], *reversed(lines[1:])]) + "\n"
    assert read(descending).out_of_order == {}
    shuffled = "\n".join([lines[0], lines[1], lines[3], lines[2]]) + "\n"
    assert read(shuffled).out_of_order == {"ABC": 1}


def test_a_file_cut_in_the_middle_of_a_row_is_refused_rather_than_shortened() -> None:
    with pytest.raises(BadInput, match=r"line 5 has 3 cells.*cut short"):
        read(PLAIN + "2024-01-05,11,1")


def test_gzip_and_zip_are_opened_by_their_bytes() -> None:
    assert len(read(gzip.compress(PLAIN.encode()), "ABC.csv").frame) == 3
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("AAA.csv", PLAIN)
        target.writestr("BBB.csv", PLAIN)
    assert sorted(read(archive.getvalue(), "both.zip").frame["symbol"].unique()) == ["AAA", "BBB"]


def test_typed_formats_give_the_same_rows() -> None:
    frame = pl.read_csv(io.StringIO(PLAIN), try_parse_dates=True)
    for write in (frame.write_parquet, frame.write_ipc):
        buffer = io.BytesIO()
        write(buffer)
        assert read(buffer.getvalue(), "ABC.bin").frame["close"].to_list() == [10.5, 11.0, 11.2]
    assert read(frame.write_json().encode(), "ABC.json").frame["close"].to_list() == [10.5, 11.0, 11.2]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"Date,Open,Close\n", "header without rows"),
        (b"Date,Name\n2024-01-02,abc\n", "no recognisable price column"),
        (b"a,b\nfoo,1\nbar,2\n", "dates or times"),
        (b"\x00\x01\x02" * 100, "binary"),
        (b"Date,Close\n2024-01-02,1\n2024-01-03,1,5\n2024-01-04,1\n", "line 3 has 3 cells"),
        (b"PAR1 and nothing else", "broken Parquet"),
        (b"<!DOCTYPE html><html><body>Too many requests</body></html>", "web page"),
        (b"Date,Close\nyesterday,1\ntomorrow,2\n", "dates or times"),
        (b"\x1f\x8b and nothing else", "gzip"),
        (b"No data", "header without rows"),
        (b'{"error": "no such symbol"}', "list of records"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(payload: bytes, expected: str) -> None:
    with pytest.raises(BadInput, match=expected) as refused:
        read(payload, "bad.csv")
    assert "bad.csv" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_labels() -> None:
    assert [label_of(n) for n in ("a/IBM.csv.gz", "BRK.B.parquet", "x", ".csv")] == ["IBM", "BRK.B", "x", ".csv"]
