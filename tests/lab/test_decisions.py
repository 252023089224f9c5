"""Decisions change the tables and nothing else: what arrived stays as it was, scored as it was, and can be had back."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from tests.cli.conftest import Say, say
from tests.lab.test_states import DAILY, MINUTES, daily_rows, half_hours, write
from workbench.lab import decided
from workbench.lab.dataset import Dataset
from workbench.lab.layout import lay_out
from workbench.lab.processing import tidy_up
from workbench.lake import TableRef, history, lineage_of
from workbench.lake.decisions import append_entries
from workbench.model.decisions import Action, LedgerEntry
from workbench.model.errors import BadInput
from workbench.pipeline.daily import run_daily

__all__ = ["say"]
BAD_DAY, GAP, TWICE = date(2023, 3, 15), date(2023, 4, 12), date(2023, 5, 16)
TAKE = '[[policies.findings]]\nkind = "{kind}"\naction = "{action}"\nmin_confidence = 0.5\n'
FEATURES = 'features = ["returns"]\n'


def policies(**actions: str) -> str:
    return "".join(TAKE.format(kind=kind, action=action) for kind, action in actions.items())


def damaged(root: Path, rules: str = "", rows: list[str] | None = None) -> Dataset:
    """Return a dataset with a bad low, a day missing, and a day that came twice."""
    lay_out(root)
    (root / "incoming").mkdir()
    mine = daily_rows("AAA")
    mine = [row.replace(",11,9,", ",11,0.9,") if str(BAD_DAY) in row else row for row in mine if str(GAP) not in row]
    write(root, "all.csv", [*(rows or mine), f"AAA,{TWICE},10,11,9,10.7,5", *daily_rows("BBB")])
    return under(root, rules)


def under(root: Path, rules: str) -> Dataset:
    """Return the dataset under other policies."""
    (root / "contracts" / "mine.toml").write_text(DAILY.format(more=rules).replace("calendar", FEATURES + "calendar", 1))
    data = wb.open(root)["mine"]
    data.update()
    return data


def row(data: Dataset, day: date, symbol: str = "AAA") -> dict[str, object]:
    found = data.read(symbols=[symbol], start=day, end=day).to_polars().to_dicts()
    return found[0] if found else {}


def told(data: Dataset, day: date) -> list[tuple[object, ...]]:
    return [(note["action"], note.get("field"), note.get("was")) for note in json.loads(str(row(data, day)["correction"]))]


def test_policies_change_rows_and_say_so_and_the_score_is_of_what_arrived(tmp_path: Path) -> None:
    data = damaged(tmp_path, policies(bad_tick="take_proposed", missing_session="take_last"))
    before, columns = data.score().to_json(), data.read().to_polars().columns
    made = data.decisions.settle()
    assert {(entry.action, entry.kind, entry.by) for entry in made.entries} == {
        (Action.TAKE_PROPOSED, "bad_tick", "policy"), (Action.TAKE_LAST, "missing_session", "policy"),
    }  # fmt: skip
    assert 9 <= float(str(row(data, BAD_DAY)["low"])) <= 10
    assert told(data, BAD_DAY) == [("take_proposed", "low", 0.9)]
    filled, last = row(data, GAP), row(data, date(2023, 4, 11))
    assert [filled[name] for name in ("open", "high", "low", "close", "volume")] == [*[last["close"]] * 4, 0.0]
    assert {note[0] for note in told(data, GAP)} == {"take_last"}
    assert data.score().to_json() == before == data.score(fresh=True).to_json()
    assert {*data.read().to_polars().columns} - {*columns} == {"correction"}
    assert len(data.decisions.settle().entries) == 0
    returns = data.feature("returns", symbols=["AAA"], start=GAP, end=GAP)
    assert returns["simple_return"].to_list() == [0.0]


def test_the_earlier_version_is_as_it_was_and_the_new_one_has_its_lineage(tmp_path: Path) -> None:
    data = damaged(tmp_path, policies(bad_tick="take_proposed"))
    then = datetime.now(UTC)
    data.decisions.settle(run="by-hand")
    assert data.read(start=BAD_DAY, end=BAD_DAY, as_of=then).to_polars()["low"].min() == 0.9
    table = TableRef.processed("mine")
    stages = [lineage_of(data.lake, table, version).stage for version in history(data.lake, table)["version"]]
    assert stages[0] == "transform"
    assert set(stages[1:]) == {"decide"}


def test_made_again_from_the_raw_zone_rows_are_as_decided(tmp_path: Path) -> None:
    data = damaged(tmp_path, policies(bad_tick="quarantine", missing_session="take_last"))
    data.decisions.settle()
    before, aside = data.read().to_polars(), data.quarantined()
    assert not row(data, BAD_DAY)
    assert "decided:bad_tick" in aside["quarantine_reason"].to_list()
    data.transform()
    assert data.read().to_polars().equals(before)
    assert data.quarantined().drop("raw_text").equals(aside.drop("raw_text"))


def test_what_the_contract_no_longer_says_is_taken_back(tmp_path: Path) -> None:
    data = damaged(tmp_path, policies(bad_tick="quarantine", missing_session="take_last"))
    plain = data.read().to_polars()
    data.decisions.settle()
    data = under(tmp_path, "")
    made = data.decisions.settle()
    assert [entry.action for entry in made.entries] == [Action.WITHDRAW, Action.WITHDRAW]
    assert data.read().to_polars().drop("correction").equals(plain)
    assert not data.quarantined()["quarantine_reason"].str.starts_with("decided").any()


def test_a_person_stands_over_a_policy(tmp_path: Path) -> None:
    data = damaged(tmp_path, policies(bad_tick="quarantine"))
    (tick,) = (finding for finding in data.findings().items if finding.kind == "bad_tick")
    word = LedgerEntry(
        datetime.now(UTC), "ann", Action.KEEP, "it traded there", tick.id, tick.kind, tick.symbol, tick.start, tick.end
    )
    append_entries(data.lake, "mine", [word])
    assert data.decisions.settle().entries == ()
    assert row(data, BAD_DAY)["low"] == 0.9


def test_a_row_that_says_something_else_by_now_is_left_alone(tmp_path: Path) -> None:
    data = damaged(tmp_path, policies(bad_tick="take_proposed"))
    data.decisions.settle()
    write(tmp_path, "later.csv", [f"AAA,{BAD_DAY},10,11,9.5,10.2,7"])
    data.update()
    assert row(data, BAD_DAY)["low"] == 9.5
    assert row(data, BAD_DAY).get("correction") is None


def test_missing_days_and_wrong_values_may_be_taken_from_another_source(tmp_path: Path) -> None:
    other = 'path = "incoming/*.csv"\n[[sources]]\nname = "other"\nrole = "reference"\npath = "other.csv"\n'
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "other.csv").write_text("Symbol,Date,Open,High,Low,Close,Volume\n" + "\n".join(daily_rows("AAA")))
    rules = policies(missing_session="take_reference", vendor_disagreement="take_reference", bad_tick="take_reference")
    data = damaged(tmp_path / "lab", other.removeprefix('path = "incoming/*.csv"\n') + rules)
    data.decisions.settle()
    truth = {line.split(",")[1]: [float(cell) for cell in line.split(",")[2:]] for line in daily_rows("AAA")}
    for day in (GAP, BAD_DAY):
        mine = row(data, day)
        assert [mine[name] for name in ("open", "high", "low", "close", "volume")] == truth[str(day)]


def test_a_crash_between_the_two_tables_is_mended_by_going_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = damaged(tmp_path, policies(bad_tick="quarantine"))
    score = data.score().to_json()

    def crash(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(decided, "replace_sessions", crash)
        with pytest.raises(OSError, match="No space"):
            data.decisions.settle()
    assert data.score().to_json() == score
    assert row(data, BAD_DAY)
    assert len(data.decisions.apply()) == 1
    assert not row(data, BAD_DAY)
    assert data.score().to_json() == score == data.score(fresh=True).to_json()


def test_half_hours_that_are_missing_are_made_of_the_last_price(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "incoming").mkdir()
    contract = MINUTES.format(more=policies(missing_bar="take_last"))
    (tmp_path / "contracts" / "mine.toml").write_text(contract)
    rows = half_hours("AAA", [date(2023, 1, 3), date(2023, 1, 31)])
    write(tmp_path, "all.csv", [line for number, line in enumerate(rows) if number not in (40, 41)], "Time")
    data = wb.open(tmp_path)["mine"]
    data.update()
    before = data.score().to_json()
    assert len(data.decisions.settle().entries) == 1
    made = data.read().to_polars().filter(pl.col("correction").is_not_null())
    assert (len(data.read()), len(made), made["volume"].to_list()) == (len(rows), 2, [0.0, 0.0])
    assert data.score().to_json() == before == data.score(fresh=True).to_json()


def test_a_row_in_quarantine_is_released_with_a_reason_and_a_name(tmp_path: Path, say: Say) -> None:
    data = damaged(tmp_path)
    score = data.score().to_json()
    listed = say("review", "quarantined", "mine", "--lab", tmp_path, "--json").json["rows"]
    assert [one["quarantine_reason"] for one in listed] == ["conflicting_duplicate"] * 2
    assert not row(data, TWICE)
    chosen = next(one for one in listed if one["close"] == 10.7)
    assert "raw_text" in say("review", "inspect", "mine", chosen["id"], "--lab", tmp_path).out
    assert (
        say("review", "release", "mine", chosen["id"], "--reason", "the vendor says so", "--by", "ann", "--lab", tmp_path).status
        == 0
    )
    assert (row(data, TWICE)["close"], told(data, TWICE)) == (10.7, [("release", None, None)])
    (left,) = say("review", "quarantined", "mine", "--lab", tmp_path, "--json").json["rows"]
    say("review", "drop", "mine", left["id"], "--reason", "an echo", "--by", "ann", "--lab", tmp_path)
    assert say("review", "quarantined", "mine", "--lab", tmp_path).out == "nothing waits in quarantine\n"
    assert "drop by ann: an echo" in say("review", "inspect", "mine", left["id"], "--lab", tmp_path).out
    assert [(entry.action.value, entry.by) for entry in data.decisions.entries] == [("release", "ann"), ("drop", "ann")]
    assert data.score().to_json() == score
    data.transform()
    assert row(data, TWICE)["close"] == 10.7


def test_of_two_rows_under_one_key_the_released_one_takes_the_place(tmp_path: Path) -> None:
    data = damaged(tmp_path, '[policies]\nconflicting_duplicates = "keep_first"\n')
    first = row(data, TWICE)["close"]
    (waiting,) = data.decisions.waiting()["id"]
    data.decisions.release([waiting], reason="the second is right", by="ann")
    assert row(data, TWICE)["close"] == 10.7 != first
    assert len(data.read(start=TWICE, end=TWICE)) == 2
    assert data.score(fresh=True).to_json() == data.score().to_json()


@pytest.mark.parametrize(
    ("rows", "reason", "complaint"),
    [(["0123456789abcdef:7"], "x", "there is no row"), (["x"], "x", "no row"), ([], " ", "say why")],
)
def test_what_cannot_be_released_is_said(tmp_path: Path, rows: list[str], reason: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        damaged(tmp_path).decisions.release(rows, reason=reason, by="ann")


def test_a_row_without_a_time_is_for_its_source_to_send_again(tmp_path: Path) -> None:
    data = damaged(tmp_path, rows=[*daily_rows("AAA"), "AAA,soon,1,1,1,1,1"])
    (timeless,) = data.decisions.waiting().filter(pl.col("event_at").is_null())["id"]
    with pytest.raises(BadInput, match="cannot be released"):
        data.decisions.release([timeless], reason="x", by="ann")
    data.decisions.drop([timeless], reason="not a day", by="ann")


@pytest.mark.slow
def test_a_daily_run_settles_what_it_found(tmp_path: Path, say: Say) -> None:
    data = damaged(tmp_path, policies(bad_tick="take_proposed"))
    ran = run_daily(wb.open(tmp_path), data, date(2023, 6, 30))
    assert row(data, BAD_DAY)["low"] != 0.9
    found = next(f for f in (ran.manifest.score or {})["findings"] if f["kind"] == "bad_tick")
    assert found["decision"]["action"] == "take_proposed"
    assert say("review", "apply", "mine", "--lab", tmp_path, "--json").json == {
        "schema": "workbench.decisions/1", "dataset": "mine", "decided": [], "written": [],
    }  # fmt: skip


def test_small_files_are_put_together_however_tables_lie(tmp_path: Path) -> None:
    data = damaged(tmp_path, '[storage]\npartition_by = "symbol"\n')
    data.decisions.release([data.decisions.waiting()["id"][0]], reason="x", by="ann")
    before = data.read().to_polars()
    tidy_up(data.lake, data.contract)
    assert data.read().to_polars().equals(before)


def test_a_crash_while_a_decision_is_taken_back_loses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = damaged(tmp_path, policies(bad_tick="quarantine"))
    plain, score = data.read().to_polars(), data.score().to_json()
    data.decisions.settle()
    data = under(tmp_path, "")

    def crash(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(decided, "replace_sessions", crash)
        with pytest.raises(OSError, match="No space"):
            data.decisions.settle()
    assert data.score().to_json() == score
    data.decisions.apply()
    assert data.read().to_polars().select(plain.columns).equals(plain)
    assert data.score().to_json() == score == data.score(fresh=True).to_json()
    assert not data.quarantined()["quarantine_reason"].str.starts_with("decided").any()


def test_a_row_of_a_wide_file_has_many_symbols(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "incoming").mkdir()
    days = [line.split(",")[1] for line in daily_rows("AAA")]
    lines = [f"{day},{10 + n % 7 / 10:.2f},{2 if day == str(BAD_DAY) else 20 + n % 5 / 10:.2f}" for n, day in enumerate(days)]
    (tmp_path / "incoming" / "wide.csv").write_text("Date,AAA,BBB\n" + "\n".join(lines) + "\n")
    (tmp_path / "contracts" / "mine.toml").write_text(
        DAILY.format(more=policies(**{"*": "quarantine"})).replace("calendar", 'kind = "values"\ncalendar', 1)
    )
    data = wb.open(tmp_path)["mine"]
    data.update()
    score = data.score().to_json()
    assert [entry.symbol for entry in data.decisions.settle().entries] == ["BBB"]
    assert (len(data.read()), data.score().to_json()) == (2 * len(days) - 1, score)
    data.transform()
    assert (len(data.read()), data.score(fresh=True).to_json()) == (2 * len(days) - 1, score)


def test_of_two_rows_of_one_key_that_are_released_the_last_stands(tmp_path: Path) -> None:
    data = damaged(tmp_path)
    data.decisions.release(data.decisions.waiting()["id"].to_list(), reason="either", by="ann")
    assert len(data.read(symbols=["AAA"], start=TWICE, end=TWICE)) == 1


@pytest.mark.parametrize("name", ["policy", "default", " "])
def test_nobody_is_called_policy(tmp_path: Path, name: str) -> None:
    data = damaged(tmp_path)
    with pytest.raises(BadInput, match="who says so"):
        data.decisions.drop(data.decisions.waiting()["id"].to_list(), reason="x", by=name)


def test_a_bar_that_is_made_at_the_open_belongs_to_its_own_session(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "incoming").mkdir()
    (tmp_path / "contracts" / "mine.toml").write_text(MINUTES.format(more=policies(missing_bar="take_last")))
    rows = half_hours("AAA", [date(2023, 1, 3), date(2023, 1, 31)])
    write(tmp_path, "all.csv", [line for number, line in enumerate(rows) if number != 39], "Time")
    data = wb.open(tmp_path)["mine"]
    data.update()
    data.decisions.settle()
    (made,) = data.read().to_polars().filter(pl.col("correction").is_not_null()).to_dicts()
    assert made["session"] == made["event_at"].date()
