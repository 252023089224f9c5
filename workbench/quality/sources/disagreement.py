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
from workbench.model.names import ALL_SIZES
from workbench.quality.detectors.habits import local_scale
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
"""Usual differences of the field between these two sources that are still agreement, where they are more than the limit."""
VOLUME_LIMIT: Final = math.log(1.5)
MOST_LEAN: Final = 2.5
"""Log-odds that two sources alone can give: neighbours are no third witness."""
SUSPECTED: Final = 0.7
EVEN: Final = 0.05
"""One factor mends a span if no cell's difference lies further off the usual one than this share of it."""
EXONERATED: Final = 0.06
"""Up to this probability of being wrong, a cell that differs counts against the other source only."""
LEAST_STEP: Final = 0.2
"""The least lasting step, as a logarithm, of a split or of units."""
EDGE: Final = 2
"""Rows by which a running median may place a step beside its day."""
OPEN: Final = "open"
ON_GRID: Final = 0.95
AROUND: Final = 125
TICKS: Final = (0.01, 0.001, 0.0001, 0.00001)
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
    beside
        Source -> how far it lies off what is agreed, as a logarithm; of two sources, off what the data says.
    levels
        Of each source, the log of the data over it that is systematic at each row.
    first
        What the first source says, on the data's scale.
    """

    off: Floats
    wrong: Floats
    is_far: NDArray[np.bool_]
    agreed: Floats
    allies: dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]
    beside: dict[str, Floats]
    levels: tuple[Floats, ...]
    first: Floats
    conventions: tuple[Convention, ...]

    @property
    def is_doubted(self) -> NDArray[np.bool_]:
        """Where the sources differ, and it may be the data's mistake."""
        doubted: NDArray[np.bool_] = self.is_far & (self.wrong > EXONERATED)
        return doubted

    def steps_alone(self, first: int, last: int) -> bool:
        """Whether prices step far at an edge of some rows, and most of the sources do not."""
        low, high = max(first - EDGE, 0), last + 1 + EDGE
        alone = [bool((np.abs(np.diff(level[low:high])) > LEAST_STEP).any()) for level in self.levels]
        return 2 * sum(alone) > len(alone)

    def astray(self, at: int) -> tuple[str, ...]:
        """Name the other sources that are alone with what they say of one row."""
        if len(self.beside) == 1:
            return tuple(self.beside)
        return tuple(name for name in self.beside if self.allies[name][1][at] and not self.allies[name][0][at])


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
    least = VOLUME_LIMIT if field in ALL_SIZES else most_bps / 1e4
    limits = [max(least, NOISES * t.noise) for t in told]
    if len(says) == 1:
        off = own - says[0]
        far = np.abs(off) > limits[0]
        wrong, agreed = _blame(own, says[0], far, max(limits[0], 1e-4)), says[0]
        allies = {
            "": (~far & np.isfinite(off), np.isfinite(off)),
            next(iter(others)): (~far & np.isfinite(off), np.isfinite(off)),
        }
    else:
        off, far, wrong, agreed, allies = _consensus(own, says, tuple(others), max(min(limits), least))
    beside = {name: says[i] - (own if len(says) == 1 else agreed) for i, name in enumerate(others)}
    named = tuple(t.convention for t in told if t.convention is not None)
    with np.errstate(invalid="ignore", over="ignore"):
        return Cells(
            off,
            wrong,
            far & np.isfinite(off),
            np.exp(agreed),
            allies,
            beside,
            tuple(t.level for t in told),
            np.exp(says[0]),
            named,
        )


def _blame(own: Floats, other: Floats, far: NDArray[np.bool_], limit: float) -> Floats:
    """Return the probability that the first of two is wrong: of a stretch, the one that jumps at its edges is suspected."""
    steps = np.abs(np.diff(own, append=np.nan, prepend=np.nan)), np.abs(np.diff(other, append=np.nan, prepend=np.nan))
    scale = np.maximum(np.nan_to_num(local_scale(np.diff(own, prepend=np.nan)), nan=limit), limit)
    wrong = np.full(len(own), 0.5)
    for first, last in runs_of(np.flatnonzero(far).tolist()):
        mine, theirs = (float(np.nansum(side[[first, last + 1]])) for side in steps)
        lean = float(np.clip((mine - theirs) / scale[first], -MOST_LEAN, MOST_LEAN))
        wrong[first : last + 1] = 1 / (1 + math.exp(-lean))
    return wrong


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
    """Gather cells in which sources disagree into findings: one for each stretch of rows on which the same ones are suspected.

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
        blamed = _settled({at: _suspects(cells, marked[at], at) for at in range(first, last + 1)})
        for who in sorted(set(blamed.values())):
            for place in _linked([at for at, suspects in blamed.items() if suspects == who], marked):
                yield _finding(rows, symbol, place, who[1:], cells, moments)


def _linked(rows: Sequence[int], marked: Mapping[int, Sequence[str]]) -> list[dict[int, Sequence[str]]]:
    """Join rows that follow each other and differ in a field in common."""
    places: list[dict[int, Sequence[str]]] = []
    for at in rows:
        if places and at - 1 in places[-1] and set(marked[at]) & set(marked[at - 1]):
            places[-1][at] = marked[at]
        else:
            places.append({at: marked[at]})
    return places


def _suspects(cells: Mapping[str, Cells], fields: Sequence[str], at: int) -> tuple[str, ...]:
    """Name whose mistake the cells of a row may be: a verdict on the data first, then the other sources that stand alone."""
    wrong = _most_decided(cells, {at: fields})
    verdict = "data" if wrong >= SUSPECTED else "other" if wrong <= 1 - SUSPECTED else OPEN
    return (verdict, *sorted({name for field in fields for name in cells[field].astray(at)}))


def _most_decided(cells: Mapping[str, Cells], place: Mapping[int, Sequence[str]]) -> float:
    """Return the probability that the data is wrong, of the cell that says most."""
    return max((float(cells[f].wrong[at]) for at, told in place.items() for f in told), key=lambda wrong: abs(wrong - 0.5))


def _settled(blamed: Mapping[int, tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    """Let rows that say nothing follow the nearest of their stretch that does: only its edges leave their neighbours."""
    decided = [at for at, suspects in blamed.items() if suspects[0] != OPEN]
    if not decided:
        return dict(blamed)
    nearest = {at: min(decided, key=lambda other: abs(other - at)) for at in blamed}
    return {at: (blamed[nearest[at]][0], *suspects[1:]) for at, suspects in blamed.items()}


def _finding(
    rows: pl.DataFrame, symbol: str, place: Mapping[int, Sequence[str]], others: Sequence[str], cells: Mapping[str, Cells],
    moments: Sequence[Moment],
) -> Finding:  # fmt: skip
    first, last = min(place), max(place)
    fields = tuple(f for f in cells if any(f in told for told in place.values()))
    worst, field = max(((at, f) for at, told in place.items() for f in told), key=lambda cell: _distance(cells[cell[1]], cell[0]))
    wrong = float(np.clip(_most_decided(cells, place), 0.02, 0.98))
    claims = competing(
        ("this_source_wrong", math.log(wrong / (1 - wrong)), _told_of(rows[field], cells[field], worst, wrong)),
        ("reference_wrong", 0.0, _told_of_others(cells[field], worst, others, field, wrong)),
    )
    severity = Severity.HIGH if wrong >= SUSPECTED else Severity.LOW if wrong <= 1 - SUSPECTED else Severity.MEDIUM
    proposed = _proposed(cells, fields, place, worst) if wrong > 0.5 else None
    return Finding(
        "vendor_disagreement", symbol, moments[first], moments[last], len(place), severity, DISAGREE, fields,
        observed={f: rows[f][worst] for f in fields}, hypotheses=claims,
        proposed=proposed, by_reference=proposed is not None,
    )  # fmt: skip


def _distance(compared: Cells, at: int) -> float:
    return max(abs(float(compared.off[at])), *(abs(float(np.nan_to_num(off[at]))) for off in compared.beside.values()))


def _proposed(
    cells: Mapping[str, Cells], fields: Sequence[str], place: Mapping[int, Sequence[str]], worst: int
) -> dict[str, object] | None:
    """Return what the others say of the worst row; of a longer span one factor, where one factor mends it."""
    if len(place) == 1:
        known = {f: float(cells[f].agreed[worst]) for f in fields}
        return {f: float(f"{value:.6g}") for f, value in known.items() if np.isfinite(value)} or None
    off = np.array([cells[f].off[at] for at, told in place.items() for f in told])
    middle = float(np.median(off))
    is_even = bool((np.abs(off - middle) <= EVEN * abs(middle)).all())
    return {"factor": float(f"{math.exp(-middle):.6g}")} if is_even else None


def _told_of(values: pl.Series, compared: Cells, at: int, wrong: float) -> str:
    """Say how far the data lies off what the others say."""
    who = "what the other source says" if len(compared.beside) == 1 else "what most say"
    said = f"{values.name} is {_apart(float(compared.off[at]))}{_in_ticks(values, compared, at)} off {who}"
    alone = "the data stands alone" if len(compared.beside) > 1 else "the data leaves its neighbours there"
    return f"{said}; {alone}" if wrong >= SUSPECTED else said


def _told_of_others(compared: Cells, at: int, others: Sequence[str], field: str, wrong: float) -> str:
    """Say how far other sources lie off what most say, by name."""
    than = "the data" if len(compared.beside) == 1 else "what most say"
    known = [(name, float(compared.beside[name][at])) for name in others if np.isfinite(compared.beside[name][at])]
    said = " and ".join(f"{field} of {name} is {_apart(off)} off {than}" for name, off in known)
    why = (
        "" if wrong > 1 - SUSPECTED else "; it leaves its neighbours there" if len(compared.beside) == 1 else "; it stands alone"
    )
    return (said or "no other source stands alone") + why


def _apart(off: float) -> str:
    """Put a distance (a logarithm) in words: basis points, per cent from a tenth on, a factor from one and a half on."""
    factor = math.exp(off)
    if abs(off) >= VOLUME_LIMIT:
        return f"a factor of {factor:.4g}"
    return f"{100 * (factor - 1):+.1f} %" if abs(off) >= 0.1 else f"{1e4 * (factor - 1):+.0f} bps"


def _in_ticks(values: pl.Series, compared: Cells, at: int) -> str:
    """Put it in ticks, where the data's prices around there lie on a grid."""
    near = values[max(at - AROUND, 0) : at + AROUND].drop_nulls().to_numpy()
    tick = next((grid for grid in TICKS if _lies_on(near, grid) >= ON_GRID), None)
    if tick is None or abs(float(compared.off[at])) >= VOLUME_LIMIT:
        return ""
    return f" ({(float(values[at]) - float(compared.agreed[at])) / tick:+.0f} ticks of {tick:g})"


def _lies_on(values: Floats, grid: float) -> float:
    """Return the share of values that are multiples of a grid."""
    return float(np.isclose(values / grid, np.round(values / grid), rtol=0, atol=1e-6).mean()) if len(values) else 0.0
