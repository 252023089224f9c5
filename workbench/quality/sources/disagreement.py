"""Kind ``vendor_disagreement``: cells in which sources differ beyond rounding and convention, and whose mistake it is.

With two sources the one that leaves its own neighbours is suspected; with three or more, the one with the fewest allies.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Finding, Severity
from workbench.quality.detectors.habits import excursion, local_scale
from workbench.quality.detectors.suspicion import competing, runs_of
from workbench.quality.sources.conventions import conventions_off

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from workbench.model.findings import Moment
    from workbench.quality.sources.conventions import Convention

    Floats = NDArray[np.float64]

NOISES: Final = 6.0
SPREAD: Final = 3.0
"""Differences are told from this many times the 99th percentile of a field's own differences on."""
MOST_USUAL: Final = 0.02
"""However often a field differs, beyond two per cent it disagrees."""
VOLUME_LIMIT: Final = math.log(1.5)
MOST_LEAN: Final = 2.5
"""Log-odds that two sources alone can give: neighbours are no third witness."""
SUSPECTED: Final = 0.7
DISAGREE: Final = 0.95
"""That sources differ is a fact; what remains is that rounding or a convention nobody thought of explains it."""


@dataclass(frozen=True, slots=True)
class Cells:
    """One symbol and field, the data's value beside those of all sources, on the data's scale.

    Attributes
    ----------
    off
        How far the data lies off what the others say, as a logarithm; NaN where nobody else says anything.
    wrong
        Probability that it is the data that is wrong.
    is_far
        Where the difference is beyond rounding and convention.
    agreed
        What the others say, on the data's scale.
    allies
        Source -> rows where it agrees with what most say, of those where it says anything.
    """

    off: Floats
    wrong: Floats
    is_far: NDArray[np.bool_]
    agreed: Floats
    allies: dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]
    conventions: tuple[Convention, ...]


def compared_cells(symbol: str, field: str, mine: Floats, others: Mapping[str, Floats], most_bps: float) -> Cells:
    """Compare one field of one symbol.

    Parameters
    ----------
    mine : array, shape (n,)
    others : mapping of source to array, shape (n,)
        NaN where a source says nothing.
    most_bps : float
        Differences up to this are agreement.
    """
    told = [conventions_off(symbol, field, mine, other) for other in others.values()]
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.where(mine > 0, np.log(mine), np.nan)
        says = np.stack([np.where(v > 0, np.log(v), np.nan) + t.level for v, t in zip(others.values(), told, strict=True)])
    least = VOLUME_LIMIT if field in ("volume", "size", "bid_size", "ask_size") else most_bps / 1e4
    limits = [max(least, NOISES * t.noise, min(SPREAD * _high(t.residual), MOST_USUAL)) for t in told]
    if len(says) == 1:
        off = own - says[0]
        far = np.abs(off) > limits[0]
        wrong, agreed = _blame(own, says[0], max(limits[0], 1e-4)), says[0]
        allies = {
            "": (~far & np.isfinite(off), np.isfinite(off)),
            next(iter(others)): (~far & np.isfinite(off), np.isfinite(off)),
        }
    else:
        off, far, wrong, agreed, allies = _consensus(own, says, tuple(others), max(min(limits), least))
    named = tuple(t.convention for t in told if t.convention is not None)
    with np.errstate(invalid="ignore", over="ignore"):
        return Cells(off, wrong, far & np.isfinite(off), np.exp(agreed), allies, named)


def _high(residual: Floats) -> float:
    known = np.abs(residual[np.isfinite(residual)])
    return float(np.quantile(known, 0.99)) if len(known) >= 100 else 0.0


def _blame(own: Floats, other: Floats, limit: float) -> Floats:
    """Return the probability that the first of two is wrong: the one that leaves its own neighbours is suspected."""
    scale = np.nan_to_num(local_scale(np.diff(own, prepend=np.nan)), nan=limit)
    lean = (np.abs(excursion(own)) - np.abs(excursion(other))) / np.maximum(scale, limit)
    return 1 / (1 + np.exp(-np.clip(np.nan_to_num(lean), -MOST_LEAN, MOST_LEAN)))


def _consensus(
    own: Floats, says: Floats, names: Sequence[str], limit: float
) -> tuple[Floats, NDArray[np.bool_], Floats, Floats, dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]]:
    """Let the sources vote: the median of all that say anything is taken for true where at least two of them are near it."""
    everyone = np.vstack([own, says])
    known = np.isfinite(everyone)
    with np.errstate(invalid="ignore"):
        middle = np.nanmedian(np.where(known.any(axis=0), everyone, 0.0), axis=0)
        near = np.abs(everyone - middle) <= limit
    others = np.where(np.isfinite(says), says, np.nan)
    agreed = np.where(near[1:].any(axis=0), middle, _nanmean(others))
    off = own - agreed
    far = (~near[0] & known[0] & known[1:].any(axis=0)) | (known & ~near).any(axis=0) & known[0]
    backers = near[1:].sum(axis=0)
    wrong = np.where(~near[0] & (backers >= 2), 0.95, np.where(~near[0], 0.5, np.where(near[0] & (backers >= 1), 0.05, 0.5)))
    names_of = ("", *names)
    return off, far, wrong, agreed, {name: (near[i] & known[i], known[i]) for i, name in enumerate(names_of)}


def _nanmean(values: Floats) -> Floats:
    known = np.isfinite(values).sum(axis=0)
    return np.where(known > 0, np.nansum(values, axis=0) / np.maximum(known, 1), np.nan)


def disagreements(rows: pl.DataFrame, symbol: str, cells: Mapping[str, Cells], moments: Sequence[Moment]) -> Iterator[Finding]:
    """Gather cells in which sources disagree into findings: one for each stretch of rows.

    Parameters
    ----------
    rows : DataFrame
        The symbol's rows that sources share, with the data's own fields.
    symbol : str
    cells : mapping of field to Cells
    moments : sequence of date or datetime
        Of each row.
    """
    marked: dict[int, list[str]] = defaultdict(list)
    for field, compared in cells.items():
        for at in np.flatnonzero(compared.is_far).tolist():
            marked[at].append(field)
    for first, last in runs_of(sorted(marked)):
        fields = tuple(f for f in cells if any(f in marked[at] for at in range(first, last + 1)))
        worst = max(range(first, last + 1), key=lambda at: max(abs(float(cells[f].off[at])) for f in marked[at]))
        field = max(marked[worst], key=lambda f: abs(float(cells[f].off[worst])))
        yield _finding(rows, symbol, (first, last, worst), fields, field, cells, moments)


def _finding(
    rows: pl.DataFrame, symbol: str, place: tuple[int, int, int], fields: tuple[str, ...], field: str,
    cells: Mapping[str, Cells], moments: Sequence[Moment],
) -> Finding:  # fmt: skip
    first, last, worst = place
    wrong = float(np.clip(cells[field].wrong[worst], 0.02, 0.98))
    bps = 1e4 * float(cells[field].off[worst])
    observed: dict[str, object] = {f: rows[f][worst] for f in fields}
    agreed: dict[str, object] = {f: float(f"{cells[f].agreed[worst]:.6g}") for f in fields if np.isfinite(cells[f].agreed[worst])}
    text = f"{field} is {bps:+.0f} bps off what the other source{'s say' if len(cells[field].allies) > 2 else ' says'}"
    claims = competing(
        ("this_source_wrong", math.log(wrong / (1 - wrong)), text + _because(wrong, mine=True)),
        ("reference_wrong", 0.0, text + _because(1 - wrong, mine=False)),
    )
    severity = Severity.HIGH if wrong >= SUSPECTED else Severity.LOW if wrong <= 1 - SUSPECTED else Severity.MEDIUM
    return Finding(
        "vendor_disagreement", symbol, moments[first], moments[last], last - first + 1, severity, DISAGREE, fields,
        observed=observed, proposed=agreed if wrong > 0.5 else None, hypotheses=claims,
    )  # fmt: skip


def _because(probability: float, *, mine: bool) -> str:
    who = "the data leaves" if mine else "the reference leaves"
    return f"; {who} its neighbours there, or stands alone" if probability >= SUSPECTED else ""
