"""Notebooks in a real JupyterLab, in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
