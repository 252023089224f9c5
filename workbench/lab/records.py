"""What a stage measured, written into its own notebook as a typed output that can be read back."""

from __future__ import annotations

import sys
from typing import Any, Final

from workbench.audit.notebooks import MIME, RESOURCES
from workbench.lab.documents import plain

MAXRSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024


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
    display({MIME: payload, RESOURCES: resources(), "text/plain": f"recorded: {name}"}, raw=True)


def resources() -> dict[str, float]:
    """Return what this process has used so far: ``cpu_seconds``, ``peak_bytes``; nothing where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return {}
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_seconds": round(used.ru_utime + used.ru_stime, 3), "peak_bytes": float(used.ru_maxrss * MAXRSS_UNIT)}
