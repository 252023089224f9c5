"""environment.yml says for conda what pyproject.toml says for pip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Where conda-forge calls a package something else.
CONDA_NAMES = {
    "bokeh-sampledata": "bokeh_sampledata",
    "playwright": "playwright-python",
    "redis": "redis-py",
    "tables": "pytables",
    "tzdata": "python-tzdata",
}


def _split(requirement: str) -> tuple[str, str]:
    """Return the name and the version bound of one requirement."""
    match = re.fullmatch(r"([A-Za-z0-9_.-]+)\s*(.*)", requirement)
    assert match, f"cannot read the requirement {requirement!r}"
    return match[1], match[2]


def _promised() -> dict[str, str]:
    """Return what pyproject.toml asks for, under conda's names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = [line for group in groups for line in group if not line.startswith("workbench[")]
    named = dict(_split(line) for line in wanted)
    return {"python": project["requires-python"]} | {CONDA_NAMES.get(name, name): bound for name, bound in named.items()}


def test_conda_and_pip_agree() -> None:
    yaml = pytest.importorskip("yaml")
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert (environment["name"], environment["channels"]) == ("workbench", ["conda-forge"])
    assert dict(_split(line) for line in environment["dependencies"]) == _promised()


def test_constraints_pin_everything_that_is_asked_for() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    malformed = [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", line)]
    assert not malformed, f"constraints.txt: expected name==version on each line; found {malformed}"
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines}
    own = {conda: pip for pip, conda in CONDA_NAMES.items()}
    asked = {own.get(name, name) for name in _promised()} - {"python"}
    assert asked <= pinned, f"constraints.txt: no version for {sorted(asked - pinned)}; see its first lines on how to renew it"
