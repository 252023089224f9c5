"""Notebooks in a real JupyterLab, in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from tests.jupyterlab import JupyterLab

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_tour_runs(jupyterlab: JupyterLab) -> None:
    with jupyterlab.open("notebooks/explore/tour.ipynb") as notebook:
        notebook.run_all()
        assert notebook.page.locator(".js-plotly-plot").count() >= 3
        notebook.screenshot("tour", whole=True)
    assert notebook.errors == []


def test_the_explorer_follows_its_reader(jupyterlab: JupyterLab) -> None:
    with jupyterlab.open("notebooks/explore/explore.ipynb") as notebook:
        notebook.run_all()
        page = notebook.page
        plot = page.locator(".jp-OutputArea-output .js-plotly-plot").first
        plot.scroll_into_view_if_needed()
        notebook.screenshot("explore")
        assert plot.bounding_box()["width"] > 800
        page.locator("select[multiple]").select_option("IBM")
        _wait_for_title(plot, "IBM  by week")
        area = plot.locator(".nsewdrag").first.bounding_box()
        middle, height = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
        page.mouse.move(middle, height)
        page.mouse.down()
        page.mouse.move(middle + 60, height, steps=5)
        page.mouse.up()
        _wait_for_title(plot, "IBM  1d")
        notebook.screenshot("explore-zoomed")
        page.mouse.dblclick(middle, height)
        _wait_for_title(plot, "IBM  by week")
        notebook.theme("Dark")
        notebook.screenshot("explore-dark")
    assert notebook.errors == []


def _wait_for_title(plot: Any, title: str) -> None:
    plot.locator(".gtitle", has_text=title).wait_for(timeout=15_000)


@pytest.mark.parametrize("name", ["profile", "score", "sources", "trends"])
def test_every_figure_has_its_text(jupyterlab: JupyterLab, name: str) -> None:
    with jupyterlab.open(f"notebooks/explore/{name}.ipynb") as notebook:
        notebook.run_all()
        notebook.screenshot(name, whole=True)
        figures, texts = notebook.page.locator(".js-plotly-plot"), notebook.page.locator(".wb-alt")
        assert figures.count() == texts.count() >= 3
        assert all(len(text) > 20 for text in texts.all_inner_texts())
        title = notebook.page.locator(".gtitle").first
        inks = []
        for theme in ("Light", "Dark"):
            notebook.theme(theme)
            notebook.page.wait_for_timeout(300)
            inks.append(title.evaluate("part => getComputedStyle(part).fill"))
        notebook.screenshot(f"{name}-dark")
        assert inks[0] != inks[1]
    assert notebook.errors == []


def test_what_a_vendor_writes_runs_nowhere(jupyterlab: JupyterLab) -> None:
    cells = [
        "import workbench as wb",
        'rows = wb.open()["us_equities"].read(symbols=["IBM"], start="2012-01-01").to_pandas()',
        'rows["symbol"] = "<script>alert(1)</script><img src=x onerror=alert(2)>"',
        'spoilt = rows.copy()\nspoilt.loc[100, "low"] = 18.0',
        'data = wb.open()["us_equities"].scratch(spoilt, references={"other": rows})',
        "data.explore()",
        "data.chart()",
        "data.findings()",
        "data.findings()[0]",
        "data.profile()",
        "data.sources()",
        'data.score().figure("losses")',
        "data.findings().figure()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    nbformat.write(notebook, jupyterlab.root / "hostile.ipynb")
    with jupyterlab.open("hostile.ipynb") as opened:
        opened.run_all()
        opened.screenshot("hostile", whole=True)
        assert opened.page.locator(".jp-Notebook img[src=x]").count() == 0
        assert "<script>alert(1)</script>" in opened.page.locator(".jp-Notebook").inner_text()
    assert opened.errors == []


def test_what_goes_wrong_is_seen(jupyterlab: JupyterLab) -> None:
    """The other tests prove nothing where an exception, in a cell or in the page, would pass them by."""
    wrong = ["1 / 0", "from IPython.display import HTML\nHTML('<script>console.error(\"no\")</script>')"]
    for number, source in enumerate(wrong):
        cells = [nbformat.v4.new_code_cell(source)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), jupyterlab.root / f"wrong-{number}.ipynb")
    seen = []
    for number in range(len(wrong)):
        with jupyterlab.open(f"wrong-{number}.ipynb") as notebook:
            notebook.run_all()
        seen.append(notebook.errors)
    assert seen == [["ZeroDivisionError: division by zero"], ["no"]]
