"""Can I trust this market data? Scores, findings and reports.

``import workbench as wb`` costs next to nothing; what a name needs is imported when it is first used.

Examples
--------
>>> import workbench as wb
>>> sorted(name for name in dir(wb) if not name.startswith("_"))
['Contract', 'Kind', 'WorkbenchError', 'check', 'compare', 'explore', 'open', 'practice', 'record']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.lab.check import check
    from workbench.lab.comparing import compare
    from workbench.lab.exploring import explore
    from workbench.lab.lab import open_lab as open  # noqa: A004 (wb.open mirrors what it does)
    from workbench.lab.practice import practice
    from workbench.lab.records import record
    from workbench.model.contract import Contract
    from workbench.model.errors import WorkbenchError
    from workbench.model.names import Kind

__version__ = "0.1.0"

__all__ = ["Contract", "Kind", "WorkbenchError", "check", "compare", "explore", "open", "practice", "record"]

_WHERE = {
    "Contract": ("workbench.model.contract", "Contract"),
    "Kind": ("workbench.model.names", "Kind"),
    "WorkbenchError": ("workbench.model.errors", "WorkbenchError"),
    "check": ("workbench.lab.check", "check"),
    "compare": ("workbench.lab.comparing", "compare"),
    "explore": ("workbench.lab.exploring", "explore"),
    "open": ("workbench.lab.lab", "open_lab"),
    "practice": ("workbench.lab.practice", "practice"),
    "record": ("workbench.lab.records", "record"),
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'workbench' has no attribute '{name}'")
    module, attribute = _WHERE[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
