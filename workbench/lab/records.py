"""What a stage measured, written into its own notebook as a typed output that can be read back."""

from __future__ import annotations

from typing import Any

from workbench.audit.notebooks import MIME
from workbench.lab.documents import plain


def record(name: str, value: Any) -> None:
    """Record a value in the notebook that is being executed.

    Parameters
    ----------
    name : str
        Unique within the notebook; a later value replaces an earlier one.
    value : JSON value
        Dates become text; NaN and infinities become text.
    """
    from IPython.display import display

    payload = {"name": name, "value": plain(value)}
    display({MIME: payload, "text/plain": f"recorded: {name}"}, raw=True)
