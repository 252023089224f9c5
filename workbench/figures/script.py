"""The script that draws figures in a page, for pages that carry it with them."""

from __future__ import annotations


def plotly_script() -> str:
    """Return plotly.js, some four megabytes, safe inside a script element."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")
