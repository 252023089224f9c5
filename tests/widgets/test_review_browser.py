"""A review as a steward does it: in a real JupyterLab, by mouse and by key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from workbench.model.decisions import Action

if TYPE_CHECKING:
    from tests.jupyterlab import JupyterLab, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DESK = ".wb-review"


def said(notebook: Notebook, words: str) -> None:
    """Wait until the desk says something."""
    notebook.page.wait_for_function("words => document.querySelector('.wb-message').innerText.includes(words)", arg=words)


def until_front(notebook: Notebook, words: str) -> None:
    notebook.page.wait_for_function("words => document.querySelector('.wb-head').innerText.includes(words)", arg=words)


def test_decisions_by_mouse_and_by_key_end_in_the_lake(jupyterlab: JupyterLab) -> None:
    with jupyterlab.open("notebooks/explore/review.ipynb") as notebook:
        notebook.run_all()
        page = notebook.page
        page.wait_for_selector(f"{DESK} .wb-line")
        page.wait_for_selector(f"{DESK} .js-plotly-plot .candlestick, {DESK} .js-plotly-plot .main-svg")
        page.evaluate("desk => document.querySelector(desk).scrollIntoView({ block: 'start' })", DESK)
        data = wb.open(jupyterlab.root / "data" / "practice")["us_equities"]
        before = len(data.decisions)
        notebook.screenshot("review")

        page.locator(f"{DESK} .wb-line", has_text="IBM missing session").click()
        until_front(notebook, "missing session")
        page.get_by_role("button", name="Correct [C]").click()  # by mouse
        said(notebook, "take last")
        page.locator(f"{DESK} .wb-line", has_text="GOOG stale").click()
        until_front(notebook, "stale")
        began = time.monotonic()
        page.keyboard.press("q")  # by key
        said(notebook, "quarantine")
        assert time.monotonic() - began < 2
        page.keyboard.press("l")
        said(notebook, "later")
        page.keyboard.press("u")
        said(notebook, "Taken back")
        page.keyboard.press("a")
        said(notebook, "Applied")
        lines = data.decisions.entries[before:]
        assert [line.action for line in lines] == [Action.TAKE_LAST, Action.QUARANTINE, Action.LATER, Action.WITHDRAW]

        page.get_by_placeholder("a note").click()
        page.keyboard.type("rq")  # letters typed are letters
        assert len(data.decisions) == before + 4
        width = page.evaluate("desk => { const d = document.querySelector(desk); return [d.scrollWidth, d.clientWidth]; }", DESK)
        assert width[0] <= width[1]
        notebook.theme("Dark")
        page.wait_for_timeout(500)
        notebook.screenshot("review-dark")
    assert notebook.errors == []
    made = data.read(symbols=["IBM"], start="2011-03-22", end="2011-03-23").to_polars()
    assert (len(made), made["volume"].to_list()) == (2, [0.0, 0.0])
    gone = data.read(symbols=["GOOG"], start="2012-02-07", end="2012-02-14").to_polars()
    assert gone.is_empty()
