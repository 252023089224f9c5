"""One run, read back from what it left: its manifest, its executed notebooks, their figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.audit.executed import figures_of, notebook_page
from workbench.audit.notebooks import records
from workbench.audit.packing import is_kept
from workbench.audit.store import find_run, run_folder
from workbench.figures.stored import figure_from
from workbench.lake import Lake, Zone
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.html import table, titled

if TYPE_CHECKING:
    from pathlib import Path

    import plotly.graph_objects as go

    from workbench.model.runs import RunManifest


@dataclass(frozen=True, slots=True)
class StageNotebook:
    """An executed stage: what it recorded, its figures, and the notebook as a page."""

    path: Path
    title: str

    @property
    def records(self) -> dict[str, Any]:
        """What the notebook recorded of itself: name -> JSON value."""
        return records(self.path)

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of its figures."""
        return tuple(figures_of(self.path))

    def figure(self, name: str) -> go.Figure:
        """Return a figure of it, live again.

        Raises
        ------
        BadInput
            It has none of that name.
        """
        return _named(figures_of(self.path), name, self.title)

    def html(self) -> str:
        """Return the notebook as one page that opens offline, and in which only our own script acts."""
        return notebook_page(self.path, title=self.title)

    def show(self, *, height: int = 800) -> Framed:
        """Return the notebook as a cell shows it."""
        return Framed(self.html(), self.title, height)

    def __repr__(self) -> str:
        return f"{self.title}: {', '.join(self.figures) or 'no figures'}"


@dataclass(frozen=True, slots=True)
class Framed:
    """A page inside a cell, in a frame that cannot reach out of itself."""

    page: str
    title: str
    height: int

    def _repr_html_(self) -> str:
        inner = self.page.replace("&", "&amp;").replace('"', "&quot;")
        return (
            f'<iframe sandbox="allow-scripts" style="width:100%;height:{self.height}px;border:1px solid rgba(128,128,128,.25)"'
            f' srcdoc="{inner}"></iframe>'
        )

    def __repr__(self) -> str:
        return self.title


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a dataset.

    Examples
    --------
    ``lab.run("20130301T220000Z-1a2b3c").figure("waterfall")``
    """

    manifest: RunManifest
    folder: Path

    @property
    def id(self) -> str:
        """The run's id."""
        return self.manifest.id

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages whose notebooks were kept."""
        return tuple(stage.name for stage in self.manifest.stages if stage.notebook)

    def __getitem__(self, stage: str) -> StageNotebook:
        """Return the executed notebook of a stage.

        Raises
        ------
        BadInput
            No notebook of that stage was kept, or it is not there any more.
        """
        if stage not in self.stages:
            there = ", ".join(self.stages) or "none (its stages ran without notebooks)"
            raise BadInput(f"run {self.id}: no notebook of '{stage[:40]}' was kept; there are {there}")
        path = self.folder / next(s.notebook for s in self.manifest.stages if s.name == stage and s.notebook)
        if not is_kept(path):
            raise BadInput(f"run {self.id}: its notebook {path.name} is missing; workbench audit verify says what else is")
        return StageNotebook(path, f"{self.manifest.dataset} {self.manifest.session}, {stage}, run {self.id}")

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of all figures of its notebooks."""
        return tuple(self._figures())

    def figure(self, name: str = "waterfall") -> go.Figure:
        """Return a figure as the run drew it, live again.

        Raises
        ------
        BadInput
            No notebook of it has a figure of that name.
        """
        return _named(self._figures(), name, f"run {self.id}")

    @property
    def report(self) -> Path | None:
        """The page a person reads; None where none was made."""
        page = self.folder / "report.html"
        return page if page.is_file() else None

    def _figures(self) -> dict[str, dict[str, Any]]:
        return {name: figure for stage in self.stages for name, figure in figures_of(self[stage].path).items()}

    def _repr_html_(self) -> str:
        facts = [(name, str(value)) for name, value in self._facts().items()]
        return titled(f"Run {self.id}", table(("what", "value"), facts))

    def _facts(self) -> dict[str, Any]:
        m, score = self.manifest, self.manifest.score or {}
        return {
            "dataset": m.dataset, "session": m.session, "outcome": m.outcome.value, "score": score.get("score"),
            "findings": len(score.get("findings", ())), "judged at": m.now, "contract": m.inputs.get("contract"),
            "code": m.inputs.get("code"), "notebooks": ", ".join(self.stages) or "none kept",
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"Run {self.id}: " + ", ".join(f"{name} {value}" for name, value in self._facts().items())


def read_run(lake: Lake, run_id: str) -> Run:
    """Return a run by its id.

    Raises
    ------
    BadInput
        There is none.
    LakeBroken
        Its manifest cannot be read.
    """
    metadata = lake.zone(Zone.METADATA)
    manifest = find_run(metadata, run_id)
    return Run(manifest, run_folder(metadata, manifest.id, manifest.session))


def _named(figures: dict[str, dict[str, Any]], name: str, where: str) -> go.Figure:
    if name not in figures:
        raise BadInput(f"{where}: no figure '{name[:40]}'; there are {', '.join(figures) or 'none'}{did_you_mean(name, figures)}")
    return figure_from(figures[name])
