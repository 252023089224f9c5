"""The explorer lists what there is; no browser needed to see that."""

from pathlib import Path

import workbench as wb
from workbench.lab.layout import lay_out


def test_the_menu_lists_all_symbols_and_starts_with_the_first(tmp_path: Path) -> None:
    lay_out(tmp_path)
    data = wb.open(tmp_path)["us_equities"]
    data.update()
    menu, _ = wb.explore(data).children
    assert set(menu.options) == {"AAPL", "FB", "GOOG", "IBM", "MSFT"}
    assert menu.value == menu.options[0]
