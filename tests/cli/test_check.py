"""``workbench check``: any file, no set-up; a document that fits its schema, or one clear line."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import polars as pl
import pytest

from tests.cli.conftest import Say

SCHEMA = json.loads((files("workbench.model") / "check.schema.json").read_text())
NOT_DATA = ("PROVENANCE.txt", "LICENSE", "bokeh_datasets_licence_ledger.json")

DAILY = "Date,Open,High,Low,Close,Volume\n" + "".join(
    f"2024-01-{day:02d},{100 + day},{102 + day},{99 + day},{101 + day},{1000 * day}\n" for day in (2, 3, 4, 5, 8, 9, 10, 11, 12)
)


def test_the_sample_is_trusted_and_the_document_fits_its_schema(say: Say, sample: Path) -> None:
    said = say("check", sample, "--json")
    document = said.json
    jsonschema.validate(document, SCHEMA)
    assert said.status == 0
    assert next(iter(document)) == "schema"
    assert document["score"] > 99
    assert document["dataset"]["calendar"] == "XNYS"
    assert document["dataset"]["rows"] == 12154
    assert {s["symbol"] for s in document["symbols"]} == {"AAPL", "FB", "GOOG", "IBM", "MSFT"}
    lost = sum(check["points_lost"] for dimension in document["dimensions"].values() for check in dimension["checks"])
    assert lost == pytest.approx(100 - document["score"])
    assert sum(d["weight"] for d in document["dimensions"].values()) == pytest.approx(1)


def test_people_get_words(say: Say, sample: Path) -> None:
    said = say("check", sample)
    assert "100.0 of 100" in said.out
    assert "XNYS" in said.out
    assert "Nothing wrong was found." in said.out


def test_a_low_score_exits_1_and_strict_exits_1_on_any_finding(say: Say, tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text(DAILY.replace("2024-01-08,108,110,107,109", "2024-01-08,108,90,107,-1"))
    assert say("check", path).status == 1
    assert say("check", path, "--min-score", 0).status == 0
    assert say("check", path, "--min-score", 0, "--strict").status == 1


def test_a_moment_to_judge_at_makes_timeliness_count(say: Say, tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text(DAILY)
    assert say("check", path, "--json").json["dimensions"]["timeliness"]["verdict"] == "NOT_APPLICABLE"
    assert say("check", path, "--json", "--as-of", "2024-01-12T22:00Z").json["dimensions"]["timeliness"]["score"] == 1
    late = say("check", path, "--json", "--as-of", "2024-03-01").json
    assert late["dimensions"]["timeliness"]["score"] < 0.5
    early = say("check", path, "--json", "--as-of", "2024-01-05").json
    assert early["dataset"]["last"] == "2024-01-05"


def test_a_reference_contract_and_calendar_refine_it(say: Say, tmp_path: Path) -> None:
    path, other, contract = tmp_path / "A.csv", tmp_path / "B.csv", tmp_path / "c.toml"
    path.write_text(DAILY)
    other.write_text(DAILY.replace(",109,8000", ",112,8000"))
    contract.write_text('dataset = "x"\nsymbols = ["A", "GONE"]\n')
    checks = {
        c["name"]: c for d in say("check", path, "--json", "--reference", other).json["dimensions"].values() for c in d["checks"]
    }
    assert checks["reference_agreement"]["failures"] == 1
    assert say("check", path, "--json", "--calendar", "XLON").json["dataset"]["calendar"] == "XLON"
    checks = {
        c["name"]: c
        for d in say("check", path, "--json", "--contract", contract).json["dimensions"].values()
        for c in d["checks"]
    }
    assert (checks["symbol_coverage"]["failures"], checks["symbol_coverage"]["total"]) == (1, 2)


def test_folders_partitions_and_many_at_once(say: Say, tmp_path: Path) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    for symbol in ("AAA", "BBB"):
        (folder / f"{symbol}.csv").write_text(DAILY)
    (folder / "README.md").write_text("not data")
    assert say("check", folder, "--json").json["dataset"]["symbols"] == 2
    assert say("check", folder / "AAA.csv", folder / "BBB.csv", "--json").json["dataset"]["symbols"] == 2
    frame = pl.read_csv(folder / "AAA.csv", try_parse_dates=True)
    parts = pl.concat([frame.with_columns(pl.lit(s).alias("symbol")) for s in ("AAA", "BBB", "CCC")])
    parts.write_parquet(tmp_path / "hive", partition_by=["symbol"], mkdir=True)
    assert say("check", tmp_path / "hive", "--json").json["dataset"]["symbols"] == 3


def test_hdf5(say: Say, tmp_path: Path) -> None:
    pytest.importorskip("tables")
    import pandas as pd

    frame = pd.read_csv(pd.io.common.StringIO(DAILY), parse_dates=["Date"], index_col="Date")
    frame.to_hdf(tmp_path / "p.h5", key="AAA")
    assert say("check", tmp_path / "p.h5", "--json").json["dataset"]["rows"] == 9


def test_odd_symbols_are_only_names(say: Say, tmp_path: Path) -> None:
    odd = ["BRK/B", "^GSPC", "ES=F", "BTC-USD", "../../x", "<script>alert(1)</script>", "=cmd()", "x" * 10_000]
    header, *rows = DAILY.splitlines()
    path = tmp_path / "odd.csv"
    path.write_text(f"Symbol,{header}\n" + "".join(f"{symbol},{row}\n" for symbol in odd for row in rows))
    document = say("check", path, "--json", "--report", tmp_path / "r.html").json
    assert {s["symbol"] for s in document["symbols"]} == set(odd)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["odd.csv", "r.html"]
    assert "<script>alert(1)" not in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("name", "payload", "expected"),
    [
        ("missing.csv", None, "no such file"),
        ("empty.csv", b"", "empty"),
        ("header.csv", b"Date,Open,High,Low,Close\n", "without rows"),
        ("names.csv", b"Date,Name\n2024-01-02,abc\n", "no recognisable price column"),
        ("binary.csv", bytes(range(256)) * 10, "binary"),
        ("mixed.csv", b"Date,Close\n2024-01-02,1\n2024-01-03,1,2\n2024-01-04,2\n", "line 3"),
        ("broken.parquet", b"PAR1\x00\x00", "broken Parquet"),
        ("error.csv", b"<html><body>429</body></html>", "web page"),
        ("times.csv", b"Date,Close\nnever,1\nsoon,2\n", "Date"),
    ],
)
def test_bad_input_is_one_line_status_2_and_writes_nothing(
    say: Say, tmp_path: Path, name: str, payload: bytes | None, expected: str
) -> None:
    path = tmp_path / name
    if payload is not None:
        path.write_bytes(payload)
    before = sorted(tmp_path.iterdir())
    said = say("check", path, "--report", tmp_path / "r.html", "--json")
    assert said.status == 2
    assert said.out == ""
    assert expected in said.err
    assert said.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--as-of", "soon"), "--as-of soon"),
        (("--calendar", "XNYX"), "did you mean 'XNYS'"),
        (("--contract", "nowhere.toml"), "no such contract"),
        (("--bogus",), "No such option"),
        (("--report", "/no/such/folder/r.html"), "cannot be written"),
    ],
)
def test_bad_options_are_status_2(say: Say, tmp_path: Path, options: tuple[str, ...], expected: str) -> None:
    path = tmp_path / "A.csv"
    path.write_text(DAILY)
    said = say("check", path, *options)
    assert said.status == 2
    assert expected in said.err


def test_a_contract_with_an_unknown_key_names_file_key_and_suggestion(say: Say, tmp_path: Path) -> None:
    path, contract = tmp_path / "A.csv", tmp_path / "c.toml"
    path.write_text(DAILY)
    contract.write_text('dataset = "x"\nfrequncy = "1d"\n')
    said = say("check", path, "--contract", contract)
    assert said.status == 2
    for part in ("c.toml", "frequncy", "did you mean 'frequency'"):
        assert part in said.err


def test_debug_shows_the_traceback(say: Say, tmp_path: Path) -> None:
    assert "Traceback" in say("check", tmp_path / "gone.csv", "--debug").err


@pytest.mark.slow
def test_every_real_file_gives_a_document_or_one_line(say: Say, shared_data: Path) -> None:
    for path in sorted(shared_data.glob("*/*")):
        said = say("check", path, "--json", "--min-score", 0)
        if path.name in NOT_DATA:
            assert (said.status, said.err.count("\n")) == (2, 1), path
        else:
            assert said.status == 0, (path, said.err)
            jsonschema.validate(said.json, SCHEMA)


def test_the_front_is_light() -> None:
    """Neither the help nor the import may pull in what only commands need."""
    libraries = "{{'polars', 'pandas', 'plotly', 'numpy', 'papermill', 'pydantic', 'deltalake'}}"
    heavy = "import sys; {}; print(*sorted(" + libraries + " & set(sys.modules)))"
    for start in ("import workbench", "import workbench.cli"):
        done = subprocess.run([sys.executable, "-c", heavy.format(start)], capture_output=True, text=True, check=True)
        assert done.stdout.split() == [], start


def test_findings_fold_one_cause_into_one_line(say: Say, tmp_path: Path) -> None:
    header, *rows = DAILY.splitlines()
    root = tmp_path / "lab"
    assert say("init", root).status == 0
    (root / "contracts" / "mine.toml").write_text(
        'dataset = "mine"\ncalendar = "XNYS"\n[[sources]]\nname = "v"\npath = "in.csv"\n'
    )
    kept = [row for row in rows if not row.startswith("2024-01-09")]
    (root / "in.csv").write_text(f"Symbol,{header}\n" + "".join(f"{s},{row}\n" for s in ("A", "B", "C") for row in kept))
    assert say("ingest", "mine", "--lab", root).status == 0
    said = say("findings", "mine", "--lab", root)
    assert said.out.count("missing_session  ") == 1
    assert "in 3 of 3 symbols at once" in said.out
    assert len(say("findings", "mine", "--lab", root, "--json").json["findings"]) == 3
    assert say("findings", "mine", "--lab", root, "--strict").status == 1
