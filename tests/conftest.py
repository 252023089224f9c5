"""What every test may ask for: the sample, the larger real data where it is at hand, a browser."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.jupyterlab import JupyterLab

ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

try:
    import hypothesis
except ModuleNotFoundError:  # the installation without extras may leave it out
    pass
else:
    # A busy machine must not turn a law into a matter of milliseconds, nor a run into a lottery.
    hypothesis.settings.register_profile("workbench", deadline=None, derandomize=True, print_blob=True)
    hypothesis.settings.load_profile("workbench")


@pytest.fixture(scope="session", autouse=True)
def warm_processes() -> Iterator[Path]:
    """Keep the warm processes that tests start to themselves, and end them with the tests."""
    with tempfile.TemporaryDirectory(prefix="wb-", ignore_cleanup_errors=True) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)
        for pid in processes_naming(folder):
            os.kill(pid, signal.SIGKILL)


def processes_naming(text: str) -> list[int]:
    """Return the processes in whose command line a text occurs."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def sample() -> Path:
    """Return the bundled sample: real daily bars of five US equities."""
    return ROOT / "data" / "sample" / "stocks.csv.gz"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data sets that is kept beside the checkout, not in it."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("needs the larger real data sets (../shared/data), which are not part of the checkout")
    return path


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium that playwright can drive as ``executable_path``."""
    pytest.importorskip("playwright")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is on the PATH")
    return found


@pytest.fixture(scope="session")
def jupyterlab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Return a JupyterLab on a lab of the sample, one for all tests; see ``tests/jupyterlab.py``."""
    from tests.jupyterlab import served

    with served(tmp_path_factory.mktemp("jupyterlab"), chromium) as lab:
        yield lab
