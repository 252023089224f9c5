"""The explorer asks for what its controls say; no browser needed to see that."""

from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from workbench.lab.layout import lay_out


@pytest.fixture
def shown(tmp_path: Path) -> Any:
    lay_out(tmp_path)
    data = wb.open(tmp_path)["us_equities"]
    data.update()
    return wb.explore(data)


def _parts(shown: Any) -> tuple[dict[str, Any], Any, Any]:
    """Return the controls by name, the live figure, and what is said below it."""
    controls, (symbols, (figure, caption, *_)) = shown.children[0].children, _below(shown)
    return {control.description: control for control in controls} | {"symbols": symbols}, figure, caption


def _below(shown: Any) -> tuple[Any, Any]:
    symbols, right = shown.children[1].children
    return symbols, right.children


def test_the_controls_decide_what_is_drawn(shown: Any) -> None:
    controls, figure, caption = _parts(shown)
    assert set(controls["symbols"].options) == {"AAPL", "FB", "GOOG", "IBM", "MSFT"}
    assert controls["symbols"].value == controls["symbols"].options[:1]
    assert [name for _, name in controls["rows"].options] == ["raw", "corrected"]
    controls["symbols"].value = ("IBM",)
    controls["from"].value = "2012-01-01"
    assert "<b>IBM</b>" in figure.layout.title.text
    assert len(figure.data[0].x) == 291
    controls["by"].value = "1mo"
    assert len(figure.data[0].x) == 15
    assert "Candles of IBM from 2012-01-03" in caption.value
    controls["symbols"].value = ("IBM", "AAPL")
    assert [trace.type for trace in figure.data] == ["scatter", "scatter"]


def test_what_cannot_be_drawn_is_said_and_what_was_stays(shown: Any) -> None:
    controls, figure, caption = _parts(shown)
    before = figure.layout.title.text
    controls["from"].value = "<b>yesterday</b>"
    assert "expected a date" in caption.value
    assert "<b>yesterday" not in caption.value
    assert figure.layout.title.text == before
    controls["from"].value = "2012-01-01"
    assert "expected a date" not in caption.value


def test_a_zoom_refines_and_a_double_click_brings_everything_back(shown: Any) -> None:
    _, figure, _ = _parts(shown)
    whole = len(figure.data[0].x)
    figure.plotly_relayout({"xaxis.range[0]": "2008-01-01", "xaxis.range[1]": "2008-12-31 12:00:00.5"})
    assert len([x for x in figure.data[0].x if x.startswith("2008")]) > 200
    low, high = figure.layout.yaxis.range
    inside = [v for x, v in zip(figure.data[0].x, figure.data[0].high, strict=True) if x.startswith("2008")]
    assert low < min(inside) < max(inside) < high < 1.2 * max(inside)
    figure.plotly_relayout({"xaxis.autorange": True})
    assert len(figure.data[0].x) == whole
