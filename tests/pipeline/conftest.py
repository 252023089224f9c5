"""A lab of its own for each test that runs the pipeline, laid out from what ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.lab.lab import Lab, open_lab
from workbench.lab.layout import lay_out


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lay_out(tmp_path / "lab")
    return open_lab(tmp_path / "lab")
