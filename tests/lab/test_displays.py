"""Whatever a vendor writes is text, in every display; and every display says what it should."""

from datetime import date
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest

import workbench as wb
from workbench.lab.contexts import with_context
from workbench.lab.dataset import Dataset
from workbench.lab.layout import lay_out
from workbench.model.contract import Source
from workbench.model.errors import BadInput
from workbench.model.findings import Finding, Hypothesis, Severity

HOSTILE = "<script>alert(1)</script>"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(shown: Any) -> _Tags:
    page = _Tags()
    page.feed(shown._repr_html_())
    return page


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Return a dataset whose symbol, title and other source are scripts, with a bad tick."""
    root = tmp_path_factory.mktemp("lab")
    lay_out(root)
    days = pl.date_range(date(2024, 1, 2), date(2024, 12, 30), eager=True)
    days = days.filter(days.dt.weekday() < 6)
    n = pl.int_range(len(days), eager=True)
    rows = pl.DataFrame({"symbol": HOSTILE, "session": days, "close": 100 + (n % 7) * 0.5})
    rows = rows.with_columns(pl.when(n == 100).then(1.0).otherwise("close").alias("close"))
    contract = wb.Contract(dataset="a", title=HOSTILE, calendar=None, sources=(Source(name="v", path=HOSTILE),))
    return wb.open(root)["us_equities"].scratch(rows, contract=contract, references={"other": rows.with_columns(close=100.0)})


@pytest.mark.parametrize(
    "show",
    [
        lambda d: d,
        lambda d: d.contract,
        lambda d: d.read(),
        lambda d: d.score(),
        lambda d: d.findings(),
        lambda d: d.findings()[0],
        lambda d: d.profile(),
        lambda d: d.history(),
        lambda d: d.sources(),
        lambda d: wb.compare(d.score(), d.score(end="2024-03-01")),
        lambda d: wb.check(d.read().to_pandas()),
    ],
)
def test_vendors_text_is_shown_as_it_is(hostile: Dataset, show: Any) -> None:
    shown = show(hostile)
    page = read(shown)
    assert not page.tags & {"script", "img", "iframe"}
    assert page.tags >= {"style", "div"}
    assert repr(shown)
    if HOSTILE in repr(shown):
        assert HOSTILE in page.text


def test_a_finding_shows_what_competes_and_where_it_was(hostile: Dataset) -> None:
    found = hostile.findings()
    one = found[0]
    assert isinstance(one, Finding)
    assert one == found.items[0]
    page = read(one)
    assert all(word in page.text for word in ("what it may be", one.kind, one.hypotheses[0].evidence[:59]))
    assert HOSTILE in one.figure().layout.meta["alt"]
    assert "<script" not in one.figure().to_json()
    assert repr(one).startswith(f"{one.severity} {one.kind} of {HOSTILE}")


def test_a_finding_about_nothing_that_came_says_so() -> None:
    day = date(2024, 1, 2)
    gone = Finding("missing_session", "A", day, day, 1, Severity.HIGH, 0.999, hypotheses=(Hypothesis("outage", 1.0, "no row"),))
    assert "99 %" in read(gone).text
    with pytest.raises(BadInput, match="no rows around it"):
        with_context(gone, None).figure()


def test_a_contract_shows_no_keys() -> None:
    source = Source(name="v", path="https://example.com/x", headers={"Authorization": "secret"})
    page = read(wb.Contract(dataset="a", calendar="XNYS", sources=(source,)))
    assert "secret" not in page.text
    assert "https://example.com/x" in page.text
    assert "XNYS" in page.text
