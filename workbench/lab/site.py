"""A lab's whole history as a site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.audit.site.building import Built, build
from workbench.audit.site.facts import Facts, facts_of
from workbench.lake.run_history import datasets_with_runs
from workbench.model.errors import WorkbenchError
from workbench.model.score import Thresholds

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.lab.lab import Lab


def build_site(lab: Lab, folder: Path) -> Built:
    """Build a site of all datasets that have runs, or bring it up to date.

    Parameters
    ----------
    lab : Lab
    folder : Path
        Empty, not there yet, or built before.

    Raises
    ------
    BadInput
        The folder cannot be written to, or holds something else.
    """
    shown: list[Facts] = []
    damaged: list[str] = []
    for name in datasets_with_runs(lab.lake):
        try:
            shown.append(facts_of(lab.lake, name, *_titled(lab, name)))
        except WorkbenchError as error:  # one dataset that cannot be read hides no other
            damaged.append(str(error))
    return build(lab.lake, folder, shown, damaged=damaged)


def _titled(lab: Lab, name: str) -> tuple[str, Thresholds]:
    """Return a dataset's title and thresholds; of one whose contract is gone, its name and ours."""
    if name not in lab.datasets:
        return name, Thresholds()
    contract = lab[name].contract
    return contract.title or name, contract.score.thresholds()
