"""What a key does, and what a reviewer reads: no browser needed to see either."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import workbench as wb
from tests.lab.test_decisions import BAD_DAY, row
from workbench.lab.dataset import Dataset
from workbench.lab.layout import lay_out
from workbench.model.decisions import Action
from workbench.review.queue import State, Which
from workbench.widgets import review_html as html
from workbench.widgets.desk import NOTHING_LEFT, PAGE, Desk, Scope
from workbench.widgets.review import ReviewView


@pytest.fixture
def practice(tmp_path: Path) -> Dataset:
    lay_out(tmp_path)
    return wb.practice(wb.open(tmp_path))["us_equities"]


@pytest.fixture
def view(practice: Dataset) -> ReviewView:
    return practice.review(by="ann")


@pytest.fixture
def desk(view: ReviewView) -> Desk:
    return view.desk


def where(desk: Desk) -> tuple[str, str]:
    assert desk.item is not None
    return desk.item.finding.symbol, desk.item.finding.kind


def test_the_practice_lab_has_something_of_everything_and_touches_nothing_else(practice: Dataset, tmp_path: Path) -> None:
    found = {(finding.symbol, finding.kind) for finding in practice.findings().items}
    assert found >= {
        ("AAPL", "ohlc_order"), ("GOOG", "stale"), ("IBM", "bad_tick"), ("IBM", "missing_session"), ("MSFT", "unit_switch"),
        ("MSFT", "conflicting_duplicate"),
    }  # fmt: skip
    assert wb.open(tmp_path).datasets == ("us_equities",)
    assert not wb.open(tmp_path)["us_equities"].is_processed


def test_from_a_flagged_bar_to_a_decision_in_three_keystrokes(desk: Desk) -> None:
    assert where(desk) == ("MSFT", "unit_switch")
    for key in ("ArrowDown", "ArrowDown", "c"):
        assert desk.press(key)
    (line,) = desk.review.dataset.decisions.entries
    assert (line.symbol, line.kind, line.action, line.by) == ("IBM", "bad_tick", Action.TAKE_PROPOSED, "ann")
    assert line.reason == "obvious error"


def test_what_is_decided_leaves_the_queue_and_the_next_comes(desk: Desk) -> None:
    before, left = desk.entries, desk.progress
    desk.press("r")
    assert desk.entries == before[1:]
    assert desk.entry == before[1]
    assert (desk.progress.decided, desk.progress.total) == (left.decided + 1, left.total)
    assert desk.progress.points_left < left.points_left
    desk.press("u")
    assert desk.entries == before
    assert desk.entry == before[0]
    assert desk.message == "Taken back: 1."
    desk.press("u")
    assert desk.message.startswith("There is nothing")


def test_later_stays_in_the_queue_and_says_so(desk: Desk) -> None:
    desk.press("l")
    assert desk.entries[0].state is State.LATER
    assert desk.at == 1


def test_many_are_decided_at_once_only_when_it_is_pressed_twice(desk: Desk) -> None:
    incident = next(at for at, entry in enumerate(desk.entries) if entry.incident)
    desk.show(incident)
    members = [item.id for item in desk.entries[incident].items]
    assert len(members) == 4
    desk.press("s")
    assert (desk.scope, desk.chosen) == (Scope.INCIDENT, members)
    desk.press("r")
    assert len(desk.review.dataset.decisions) == 0
    assert "4 findings" in desk.message
    desk.press("n")
    assert len(desk.review.dataset.decisions) == 0
    desk.press("n")
    assert {line.subject for line in desk.review.dataset.decisions.entries} == {*members}
    assert desk.scope is Scope.ONE


def test_all_that_a_filter_chooses(desk: Desk) -> None:
    desk.filter(replace(desk.which, kinds=("ohlc_order",)))
    assert len(desk.entries) == 3
    desk.press("s")
    desk.press("s")
    for _ in range(2):
        desk.press("n")
    assert [line.action for line in desk.review.dataset.decisions.entries] == [Action.DISMISS] * 3
    assert desk.entry is None
    desk.press("r")
    assert desk.message == NOTHING_LEFT


def test_members_of_an_incident_are_looked_at_one_by_one(desk: Desk) -> None:
    desk.show(next(at for at, entry in enumerate(desk.entries) if entry.incident))
    symbols = [where(desk)[0]]
    for _ in range(5):
        desk.press("ArrowRight")
        symbols.append(where(desk)[0])
    assert symbols == ["AAPL", "GOOG", "IBM", "MSFT", "MSFT", "MSFT"]


def test_a_typed_value_is_drawn_before_it_is_taken(desk: Desk) -> None:
    desk.show(2)
    assert where(desk) == ("IBM", "bad_tick")
    desk.takes, desk.typed = Action.TAKE_GIVEN, "196.25"
    assert desk.given == {"close": 196.25}
    ghost = next(trace for trace in desk.figure().data if trace.name == "close would be")
    assert list(ghost.y) == [196.25]
    desk.press("c")
    desk.press("a")
    day = desk.review.dataset.decisions.entries[0].start
    assert row(desk.review.dataset, day, "IBM")["close"] == 196.25  # type: ignore[arg-type]
    assert "score after decisions" in desk.message


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("", None),
        ("x", None),
        ("close=1;low=2", {"close": 1.0, "low": 2.0}),
        ("low=", None),
        ("1,961.2", {"close": 1961.2}),
        ("12,5", None),
        ("close=1;1", None),
    ],
)
def test_what_is_typed_is_read_as_columns(desk: Desk, typed: str, given: dict[str, float] | None) -> None:
    desk.show(2)
    desk.typed = typed
    assert desk.given is None
    desk.takes = Action.TAKE_GIVEN
    assert desk.given == given


def test_what_cannot_be_done_is_said_and_nothing_is_written(desk: Desk) -> None:
    desk.filter(Which(kinds=("ohlc_order",)))
    desk.takes, desk.typed = Action.TAKE_GIVEN, "nonsense"
    desk.press("c")
    assert "give values that make a sound row" in desk.message
    assert len(desk.review.dataset.decisions) == 0


def test_a_reason_is_for_one_decision(desk: Desk) -> None:
    desk.reason = "really traded"
    desk.press("r")
    desk.press("q")
    assert [line.reason for line in desk.review.dataset.decisions.entries] == ["really traded", "cannot be right"]


def test_only_what_can_be_done_is_previewed(desk: Desk) -> None:
    assert {choice.name for choice in desk.previews()} == {"REAL", "CORRECT", "QUARANTINE", "NOT_THIS"}
    desk.show(len(desk.entries) - 1)
    assert where(desk) == ("MSFT", "out_of_order")
    assert {choice.name for choice in desk.previews()} == {"REAL", "NOT_THIS"}
    desk.press("q")
    assert "tells of 1 of the 793 rows in its span" in desk.message
    assert len(desk.review.dataset.decisions) == 0


def test_a_price_beside_its_own_bar_is_seen(desk: Desk) -> None:
    desk.filter(Which(kinds=("ohlc_order",), symbols=("IBM",)))
    figure = desk.figure()
    assert figure.layout.yaxis.type == "log"  # the close is ten times the high
    assert 10 ** figure.layout.yaxis.range[1] > 1961


def test_the_chart_shows_what_a_width_asks_for(desk: Desk) -> None:
    sizes = []
    for key in "1234":
        desk.press(key)
        sizes.append(len(desk.figure().data[0].x))
    assert sizes[0] < sizes[1] < sizes[2] < sizes[3]


def test_a_zoom_on_a_logarithmic_axis_shows_what_is_there(view: ReviewView) -> None:
    chart = view._chart
    assert chart is not None
    figure = chart.widget
    assert figure.layout.yaxis.type == "log"  # three weeks in pence
    figure.layout.xaxis.range = ("2011-08-01", "2011-09-02")
    low, high = figure.layout.yaxis.range
    assert 20 < 10**low < 25 < 10**high < 35


def test_the_view_shows_what_is_on_the_desk_and_hears_clicks(view: ReviewView) -> None:
    assert len(view.listing.rows) == min(PAGE, len(view.desk.entries))
    assert view.listing.selected == view.desk.entries[0].items[0].id
    view.listing.picked = {"value": view.listing.rows[2]["id"], "count": 1}
    assert where(view.desk) == ("IBM", "bad_tick")
    assert view.listing.selected == view.listing.rows[2]["id"]
    assert "Candles of IBM from 2012-04-11" in view._texts["alt"].value
    view.listing.pressed = {"value": "q", "count": 1}
    assert view.desk.review.dataset.decisions.entries[0].action is Action.QUARANTINE
    assert repr(view).startswith("Review of us_equities: 2 of 14 decided")


def test_the_view_filters_by_its_menus(view: ReviewView) -> None:
    view._inputs["symbol"].value = "GOOG"
    assert {entry.worst.symbol for entry in view.desk.entries} == {"GOOG"}
    view._inputs["symbol"].value = "all"
    view._inputs["span"].value = "2012-05"
    assert {where(view.desk)[0]} == {"IBM"}
    view._inputs["span"].value = "sometime"
    assert "Days are written" in view.desk.message
    view._inputs["span"].value = ""
    view._inputs["state"].value = "policy"
    assert where(view.desk) == ("MSFT", "conflicting_duplicate")
    view._inputs["state"].value = "decided"
    assert view.desk.entries == ()
    assert NOTHING_LEFT in view._texts["header"].value


def test_what_surrounds_a_finding_is_read_again_as_it_came(desk: Desk) -> None:
    desk.show(2)
    assert desk.item is not None
    finding = desk.item.finding
    ((where_from, text),) = desk.around.sent(finding)
    assert where_from.startswith("stocks.csv.gz, row ")
    assert f'"Date":"{finding.start}"' in text
    (values,) = desk.around.values(finding)
    assert values["close"] == finding.observed["close"]  # type: ignore[index]
    assert BAD_DAY not in (finding.start,)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 (the parser's own signature)
        self.tags.append(tag)


def test_text_from_data_is_text(desk: Desk) -> None:
    bad = "<script>alert(1)</script>"
    item = desk.entries[2].items[0]
    hostile = replace(item.finding, symbol=bad, fields=(bad,), kind=bad, observed={bad: bad}, hypotheses=(
        replace(item.finding.hypotheses[0], kind=bad, evidence=bad),))  # fmt: skip
    entry = replace(desk.entries[2], items=(replace(item, finding=hostile),))
    pages = [
        html.header(entry, entry.items[0], 0, "UTC"), html.hypotheses(hostile), html.sent([(bad, bad), (bad, '{"<b>": "<i>"}')]),
        html.values(hostile, [{"when": bad, bad: 1.0}], (), {bad: bad}),
    ]  # fmt: skip
    for page in pages:
        parser = _Tags()
        parser.feed(page)
        assert not {"script", "b>", "i>"} & {*parser.tags}
        assert "&lt;" in page
