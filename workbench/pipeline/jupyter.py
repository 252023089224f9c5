"""JupyterLab on a lab: the interpreter's own, so that notebooks see this package."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.lab.lab import Lab

TOUR = "explore/tour.ipynb"


def serve_lab(lab: Lab, *, port: int, browser: bool) -> int:
    """Run JupyterLab until it is stopped.

    Returns
    -------
    int
        Its exit status.
    """
    command = [
        sys.executable, "-m", "jupyterlab",
        f"--ServerApp.root_dir={lab.root}",
        f"--LabApp.default_url=/lab/tree/{lab.settings.notebooks}/{TOUR}",
        f"--ServerApp.port={port}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container one is root; the server listens on this machine only
        command.append("--allow-root")
    return subprocess.run(command if browser else [*command, "--no-browser"], check=False).returncode  # noqa: S603 (our own words)
