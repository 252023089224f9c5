"""A review decides in the ledger, takes back by further lines, follows its findings, and ends in the tables."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from tests.lab.test_decisions import BAD_DAY, GAP, damaged, policies, row, told
from tests.lab.test_states import DAILY, MINUTES, daily_rows, half_hours, write
from workbench.lab.dataset import Dataset
from workbench.lab.layout import lay_out
from workbench.lab.review_export import export_ledger
from workbench.lab.reviewing import Review
from workbench.lake import TableRef, lineage_of, version_of
from workbench.model.decisions import DATA, Action
from workbench.model.errors import BadInput, LakeBroken
from workbench.review.queue import State, Which


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return damaged(tmp_path)


def of(review: Review, kind: str, symbol: str = "AAA") -> str:
    """Return the id of the only finding of a kind."""
    (found,) = (item.id for item in review.items if item.finding.kind == kind and item.finding.symbol == symbol)
    return found


def test_the_dearest_comes_first_and_what_is_left_falls_to_nothing(data: Dataset) -> None:
    review = data.open_review(by="ann")
    entries = review.entries()
    assert [entry.points for entry in entries] == sorted((entry.points for entry in entries), reverse=True)
    assert sum(entry.points for entry in entries) == pytest.approx(100 - review.score)
    assert review.score_after == pytest.approx(review.score)
    waiting = [item.id for item in review.items if item.state.is_open]
    review.decide(waiting, Action.KEEP, "really traded")
    assert review.progress().points_left == 0
    assert review.score_after > review.score


def test_a_decision_says_what_who_when_why_and_about_which_data(data: Dataset) -> None:
    before = datetime.now(UTC)
    review = data.open_review(by="ann")
    taken = review.decide([of(review, "bad_tick")], Action.TAKE_PROPOSED, "obvious error", note="=1+1")
    (line,) = taken.lines
    assert before <= line.at <= datetime.now(UTC)
    assert (line.by, line.action, line.reason, line.note) == ("ann", Action.TAKE_PROPOSED, "obvious error", "=1+1")
    assert (line.kind, line.symbol, line.start, line.fields) == ("bad_tick", "AAA", BAD_DAY, ("low",))
    assert (line.observed, line.version) == ({"low": 0.9}, version_of(data.lake, TableRef.processed("mine")))
    assert line.confidence is not None
    assert len(line.seen) == 16
    assert wb.open(data.root)["mine"].decisions.entries == taken.lines


def test_what_the_preview_promises_is_what_comes(data: Dataset) -> None:
    review = data.open_review(by="ann")
    tick = of(review, "bad_tick")
    promised = {action: review.becomes([tick], action) for action in (Action.KEEP, Action.TAKE_PROPOSED, Action.QUARANTINE)}
    assert promised[Action.KEEP] == promised[Action.TAKE_PROPOSED] > promised[Action.QUARANTINE] > review.score
    for action, score in promised.items():
        review.decide([tick], action, "so")
        assert review.score_after == pytest.approx(score)
        review.undo()
        assert review.score_after == pytest.approx(review.score)


def test_applied_the_table_has_the_correction_and_the_version_before_has_not(data: Dataset) -> None:
    review = data.open_review(by="ann")
    table, score = TableRef.processed("mine"), data.score().to_json()
    then, version = datetime.now(UTC), version_of(data.lake, table)
    review.decide([of(review, "bad_tick")], Action.TAKE_PROPOSED, "obvious error")
    review.decide([of(review, "missing_session")], Action.TAKE_LAST, "obvious error")
    assert version_of(data.lake, table) == version
    made = review.settle()
    assert [span for span in made.written if span[0] <= BAD_DAY <= span[1]]
    assert told(data, BAD_DAY) == [("take_proposed", "low", 0.9)]
    assert json.loads(str(row(data, BAD_DAY)["correction"]))[0]["by"] == "ann"
    assert row(data, GAP)["volume"] == 0
    assert data.read(start=BAD_DAY, end=BAD_DAY, as_of=then).to_polars()["low"].min() == 0.9
    newest = version_of(data.lake, table)
    assert newest is not None
    assert lineage_of(data.lake, table, newest).stage == "decide"
    assert data.score().to_json() == score
    assert wb.open(data.root)["mine"].open_review(by="bob").score_after == pytest.approx(review.score_after)


def test_a_typed_value_a_factor_and_what_cannot_be_done(data: Dataset) -> None:
    review = data.open_review(by="ann")
    tick, gap = of(review, "bad_tick"), of(review, "missing_session")
    review.decide([tick], Action.TAKE_GIVEN, "another source has it", given={"low": 9.25})
    review.settle()
    assert row(data, BAD_DAY)["low"] == 9.25
    review.decide([tick], Action.TAKE_GIVEN, "unit or currency mixed up", given={"factor": 10.0})
    review.settle()
    assert row(data, BAD_DAY)["low"] == 9.0
    nan = float("nan")
    nonsense = [
        {"low": nan},
        {"low": -5.0},
        {"factor": 0.0},
        {"symbol": 1.0},
        {"row": 7.0},
        {"low": 12.0},
        {"low": 9.0, "clsoe": 3.0},
    ]
    for given in (*nonsense, {"factor": 10.0, "low": 9.0}):
        with pytest.raises(BadInput):
            review.decide([tick], Action.TAKE_GIVEN, "so", given=given)
    with pytest.raises(BadInput, match="are given with take_given"):
        review.decide([tick], Action.KEEP, "so", given={"low": 9.0})
    for subject, action, given in (
        (gap, Action.TAKE_GIVEN, {"low": 3.0}), (gap, Action.TAKE_PROPOSED, None), (tick, Action.TAKE_REFERENCE, None),
        (tick, Action.RELEASE, None),
    ):  # fmt: skip
        lines = len(data.decisions)
        with pytest.raises(BadInput):
            review.decide([tick, subject], action, "so", given=given)
        assert len(data.decisions) == lines
    with pytest.raises(BadInput, match="say why"):
        review.decide([tick], Action.KEEP, " ")
    with pytest.raises(BadInput, match="nobody"):
        data.open_review(by="policy")


def test_undo_writes_further_lines_and_brings_the_word_before_back(data: Dataset) -> None:
    review = data.open_review(by="ann")
    tick = of(review, "bad_tick")
    review.decide([tick], Action.KEEP, "really traded")
    review.decide([tick], Action.QUARANTINE, "cannot be right")
    review.undo()
    assert review.item(tick).entry is not None
    assert review.item(tick).entry.action is Action.KEEP  # type: ignore[union-attr]
    review.undo()
    assert review.item(tick).state is State.WAITING
    assert review.undo() is None
    assert [entry.action for entry in data.decisions.entries] == [Action.KEEP, Action.QUARANTINE, Action.KEEP, Action.WITHDRAW]


def test_undo_takes_back_ones_own_word_and_leaves_a_colleagues(data: Dataset) -> None:
    ann, bob = data.open_review(by="ann"), data.open_review(by="bob")
    tick = of(ann, "bad_tick")
    ann.decide([tick], Action.KEEP, "really traded")
    bob.decide([tick], Action.QUARANTINE, "cannot be right")
    ann.decide([tick], Action.DISMISS, "known habit of this source")
    ann.undo()
    assert ann.item(tick).entry.by == "bob"  # type: ignore[union-attr]


def test_quarantine_takes_the_rows_that_were_found_and_counts_each_once(data: Dataset) -> None:
    review = data.open_review(by="ann")
    tick, disorder, gap = of(review, "bad_tick"), of(review, "out_of_order"), of(review, "missing_session")
    twice = of(review, "conflicting_duplicate")
    for subject, told_why in ((disorder, "not of which"), (gap, "no row is there")):
        with pytest.raises(BadInput, match=told_why):
            review.decide([subject], Action.QUARANTINE, "so")
    for action in (Action.KEEP, Action.DISMISS, Action.TAKE_LAST):
        with pytest.raises(BadInput, match="review release"):
            review.decide([twice], action, "so")
    rows = len(data.read().to_polars())
    before = review.score_after
    review.decide([twice, twice], Action.QUARANTINE, "so")
    assert review.score_after == before
    review.decide([tick], Action.QUARANTINE, "cannot be right")
    review.settle()
    assert len(data.read().to_polars()) == rows - 1
    assert [line.rows for line in data.decisions.entries] == [0, 1]


def test_a_policy_takes_out_only_rows_that_were_found(tmp_path: Path) -> None:
    data = damaged(tmp_path, '[[policies.findings]]\nkind = "*"\naction = "quarantine"\nmin_confidence = 0.5\n')
    rows = len(data.read().to_polars())
    data.decisions.settle()
    assert len(data.read().to_polars()) == rows - 1


def test_a_span_that_reaches_to_its_event_goes_without_the_events_day(tmp_path: Path) -> None:
    halves = [one if str(BAD_DAY) > one.split(",")[1] else _halved(one) for one in daily_rows("AAA")]
    data = damaged(tmp_path, rows=[one for one in halves if one.split(",")[1] != str(GAP)])
    review = data.open_review(by="ann")
    for item in review.items:
        start, end = review.remedies.span(item.finding, Action.QUARANTINE)
        meant = data.read(symbols=[item.finding.symbol], start=start, end=end).to_polars()  # type: ignore[arg-type]
        if review.remedies.can(item.finding, Action.QUARANTINE) and item.finding.kind != "conflicting_duplicate":
            assert len(meant) == item.finding.rows


def _halved(line: str) -> str:
    symbol, day, *prices, volume = line.split(",")
    return ",".join([symbol, day, *(str(float(price) / 2) for price in prices), volume])


def test_a_correction_that_would_not_mend_the_row_is_refused(tmp_path: Path) -> None:
    mine = [one.replace(",11,9,", ",9.5,9,") if str(BAD_DAY) in one else one for one in daily_rows("AAA")]  # high below close
    data = damaged(tmp_path, rows=mine)
    review = data.open_review(by="ann")
    disordered = of(review, "ohlc_order")
    assert not review.remedies.can(review.item(disordered).finding, Action.TAKE_GIVEN, {"high": 9.6})
    review.decide([disordered], Action.TAKE_GIVEN, "obvious error", given={"high": 11.0})


def test_ids_that_are_none_and_words_that_are_no_action(data: Dataset) -> None:
    review = data.open_review(by="ann")
    tick = of(review, "bad_tick")
    assert review.becomes([tick], "quarantine") == review.becomes([tick], Action.QUARANTINE)
    for call in (
        lambda: review.becomes([tick], "nonsense"), lambda: review.becomes(["ffff"], "keep"),
        lambda: review.decide(["ffff"], "keep", "so"), lambda: review.decide([tick], "release", "so"),
    ):  # fmt: skip
        with pytest.raises(BadInput):
            call()


def test_a_damaged_ledger_is_named(data: Dataset) -> None:
    review = data.open_review(by="ann")
    review.decide([of(review, "bad_tick")], Action.KEEP, "so")
    (part,) = (data.root / "data" / "metadata" / "decisions" / "mine").glob("*.parquet")
    part.write_bytes(part.read_bytes()[:-200])
    with pytest.raises(LakeBroken, match="the ledger cannot be read"):
        _ = data.decisions.entries


def test_two_people_do_not_overwrite_each_other_and_the_later_word_stands(data: Dataset) -> None:
    ann, bob = data.open_review(by="ann"), data.open_review(by="bob")
    tick = of(ann, "bad_tick")
    ann.decide([tick], Action.KEEP, "really traded")
    taken = bob.decide([tick], Action.QUARANTINE, "cannot be right")
    assert [(line.by, line.action) for line in taken.overruled] == [("ann", Action.KEEP)]
    ann.refresh()
    assert ann.item(tick).entry == taken.lines[0]
    bob.withdraw([tick])
    ann.refresh()
    assert ann.item(tick).entry.by == "ann"  # type: ignore[union-attr]
    assert len(data.decisions) == 3
    with pytest.raises(BadInput, match="bob has decided nothing"):
        bob.withdraw([tick])


def test_many_at_once_lose_no_line(data: Dataset) -> None:
    def one(name: str) -> None:
        review = wb.open(data.root)["mine"].open_review(by=name)
        for item in review.items:
            review.decide([item.id], Action.LATER, "waits for more data")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, ["ann", "bob", "cid", "dan"]))
    lines = data.decisions.entries
    found = data.open_review(by="eve").items
    assert len(lines) == 4 * len(found)
    assert {(line.by, line.subject) for line in lines} == {
        (name, item.id) for name in ("ann", "bob", "cid", "dan") for item in found
    }


def sent_again(data: Dataset, day: date, old: str, new: str) -> Dataset:
    """Send all rows once more, one of them changed."""
    rows = (data.root / "incoming" / "all.csv").read_text().splitlines()[1:]
    write(data.root, "all.csv", [line.replace(old, new) if f"AAA,{day}" in line else line for line in rows])
    data.update()
    return wb.open(data.root)["mine"]


def test_a_decision_follows_its_finding_when_the_data_comes_again(data: Dataset) -> None:
    review = data.open_review(by="ann")
    tick = of(review, "bad_tick")
    review.decide([tick], Action.QUARANTINE, "cannot be right")
    review.settle()
    assert not row(data, BAD_DAY)
    again = sent_again(data, date(2023, 6, 20), "10", "10.01")  # another row
    again.decisions.settle()
    assert again.open_review(by="bob").item(tick).state is State.DECIDED
    assert not row(again, BAD_DAY)


def test_what_was_observed_has_changed_so_it_is_asked_again(data: Dataset) -> None:
    review = data.open_review(by="ann")
    tick = of(review, "bad_tick")
    review.decide([tick], Action.QUARANTINE, "cannot be right")
    review.settle()
    again = sent_again(data, BAD_DAY, ",0.9,", ",0.7,")
    made = again.decisions.settle()
    assert [(line.by, line.action, line.subject) for line in made.entries] == [(DATA, Action.WITHDRAW, tick)]
    item = again.open_review(by="bob").item(tick)
    assert item.state is State.CHANGED
    assert item.entry is not None
    assert item.entry.by == "ann"
    assert row(again, BAD_DAY)["low"] == 0.7
    assert again.decisions.settle().entries == ()


def test_a_run_puts_decisions_into_the_tables(data: Dataset) -> None:
    from workbench.pipeline.daily import run_daily

    review = data.open_review(by="ann")
    review.decide([of(review, "bad_tick")], Action.TAKE_PROPOSED, "obvious error")
    run_daily(wb.open(data.root), data, date(2023, 6, 30), now=datetime(2023, 7, 1, tzinfo=UTC))
    assert told(data, BAD_DAY) == [("take_proposed", "low", 0.9)]


def test_a_day_that_nobody_has_can_be_decided_on(tmp_path: Path) -> None:
    data = damaged(tmp_path, rows=[one for one in daily_rows("AAA") if str(GAP) not in one])
    rows = (tmp_path / "incoming" / "all.csv").read_text().splitlines()[1:]
    write(tmp_path, "all.csv", [one for one in rows if str(GAP) not in one])
    data.update()
    review = wb.open(tmp_path)["mine"].open_review(by="ann")
    absent = [item.id for item in review.items if item.finding.kind == "missing_session"]
    review.decide(absent, "keep", "known market event")
    assert review.settle().written == ()


def test_within_a_day_whole_sessions_are_decided_on(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "incoming").mkdir()
    (tmp_path / "contracts" / "mine.toml").write_text(MINUTES.format(more=""))
    lost, made_up = date(2023, 1, 18), date(2023, 1, 21)  # a Wednesday, and a Saturday
    every = half_hours("AAA", [date(2023, 1, 3), date(2023, 1, 31)])
    rows = [one for one in every if str(lost) not in one]
    rows += [one.replace("2023-01-20", str(made_up)) for one in rows if "2023-01-20" in one]
    write(tmp_path, "all.csv", rows, "Time")
    data = wb.open(tmp_path)["mine"]
    data.update()
    review = data.open_review(by="ann")
    absent, phantom = of(review, "missing_session"), of(review, "phantom_session")
    assert review.becomes([phantom], Action.QUARANTINE) > review.score
    review.decide([absent], Action.TAKE_LAST, "obvious error")
    review.decide([phantom], Action.QUARANTINE, "not this instrument")
    review.settle()
    there = data.read(start=lost, end=lost).to_polars()
    usual = data.read(start=date(2023, 1, 17), end=date(2023, 1, 17)).to_polars()
    assert there["event_at"].dt.time().to_list() == usual["event_at"].dt.time().to_list()
    assert set(there["close"]) == {usual["close"][-1]}
    assert data.read().to_polars().filter(pl.col("event_at").dt.date() == made_up).is_empty()
    assert data.decisions.settle().entries == ()


def test_another_source_is_asked_for_its_value(tmp_path: Path) -> None:
    data = damaged(tmp_path)
    write(tmp_path, "other.csv", [*daily_rows("AAA"), *daily_rows("BBB")])
    more = '\n[[sources]]\nname = "other"\npath = "incoming/other.csv"\nrole = "reference"\n'
    (tmp_path / "contracts" / "mine.toml").write_text(DAILY.format(more="") + more)
    review = wb.open(tmp_path)["mine"].open_review(by="ann")
    tick, gap = of(review, "bad_tick"), of(review, "missing_session")
    review.decide([tick, gap], Action.TAKE_REFERENCE, "another source has it")
    review.settle()
    right = {line.split(",")[1]: line.split(",") for line in daily_rows("AAA")}
    assert row(data, BAD_DAY)["low"] == float(right[str(BAD_DAY)][4])
    assert row(data, GAP)["close"] == float(right[str(GAP)][5])


def test_a_policy_waits_behind_a_person_and_comes_back(tmp_path: Path) -> None:
    data = damaged(tmp_path, policies(bad_tick="quarantine"))
    data.decisions.settle()
    review = data.open_review(by="ann")
    tick = of(review, "bad_tick")
    assert review.item(tick).state is State.POLICY
    review.decide([tick], Action.KEEP, "really traded")
    review.settle()
    assert row(data, BAD_DAY)["low"] == 0.9
    review.undo()
    review.settle()
    assert not row(data, BAD_DAY)


def test_filters_choose_by_source_where_there_are_several(tmp_path: Path) -> None:
    data = damaged(tmp_path)
    write(tmp_path, "more.csv", [one.replace(",11,9,", ",11,0.8,") if "2023-05-03" in one else one for one in daily_rows("CCC")])
    second = '\n[[sources]]\nname = "second"\npath = "incoming/more.csv"\n'
    (tmp_path / "contracts" / "mine.toml").write_text(DAILY.format(more="").replace("*.csv", "all.csv") + second)
    data = wb.open(tmp_path)["mine"]
    data.update()
    review = data.open_review(by="ann")
    assert {(item.finding.symbol, item.source) for item in review.items} == {("AAA", "vendor"), ("CCC", "second")}
    assert [entry.worst.symbol for entry in review.entries(Which(sources=("second",)))] == ["CCC"]


def test_the_ledger_as_a_file_holds_no_formula(data: Dataset, tmp_path: Path) -> None:
    review = data.open_review(by="@ann")
    review.decide([of(review, "bad_tick")], Action.KEEP, "=HYPERLINK(1)", note="-1+1")
    assert export_ledger(data.decisions, tmp_path / "ledger.csv") == 1
    (line,) = pl.read_csv(tmp_path / "ledger.csv").to_dicts()
    assert (line["by"], line["reason"], line["note"]) == ("'@ann", "'=HYPERLINK(1)", "'-1+1")
    export_ledger(data.decisions, tmp_path / "ledger.json")
    (told_of,) = json.loads((tmp_path / "ledger.json").read_text())["lines"]
    assert (told_of["by"], told_of["cells"]) == ("@ann", [])
    with pytest.raises(BadInput, match=r"ends in \.csv or \.json"):
        export_ledger(data.decisions, tmp_path / "ledger.xlsx")


def test_what_was_learned_is_shown_and_proposed_and_nothing_changes(data: Dataset) -> None:
    assert "nothing yet" in repr(data.decisions.learned())
    review = data.open_review(by="ann")
    review.decide([of(review, "bad_tick")], Action.QUARANTINE, "cannot be right")
    learned = data.decisions.learned()
    assert learned.to_polars().to_dicts()[0]["precision"] == 1.0
    assert learned.proposals() == []
    assert {trace.name for trace in learned.figure().data} >= {"findings fewer", "confirmed ones missed"}
    assert learned.figure("precision").layout.meta["alt"] == "bad_tick: 1 of 1 confirmed"
    at_one = learned.tolerances().filter(pl.col("factor") == 1)
    assert at_one["score"].to_list() == pytest.approx([review.score] * len(at_one))
    with pytest.raises(BadInput, match="no figure"):
        learned.figure("lessons")
