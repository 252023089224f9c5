"""Kernels that die, hang, or talk without end: their stage fails, and is tried again where that may help."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.pipeline.conftest import lab
from tests.pipeline.test_warm import lives, soon
from workbench.audit.notebooks import read_notebook
from workbench.lab.lab import Lab, open_lab
from workbench.model.runs import Outcome, StageRecord
from workbench.pipeline.daily import Ran, run_daily

__all__ = ["lab"]
pytestmark = pytest.mark.slow
DAY, NOW = date(2013, 3, 1), datetime(2013, 3, 2, tzinfo=UTC)
NAME = "us_equities"


@pytest.fixture
def impatient(lab: Lab) -> Lab:
    text = "stage_timeout_seconds = 3\n[retries]\nattempts = 2\nfirst_wait_seconds = 0.01\n"
    (lab.root / "workbench.toml").write_text(text)
    return open_lab(lab.root)


@pytest.fixture(params=[False, True], ids=["warm", "cold"])
def cold(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def ran(lab: Lab, code: str, *, cold: bool) -> tuple[Ran, StageRecord]:
    """Run with a profile stage that does something else first."""
    path = lab.stages / "profile.ipynb"
    path.write_text(path.read_text().replace("profile = data.profile", f"{code}; profile = data.profile"))
    came = run_daily(lab, lab[NAME], DAY, now=NOW, cold=cold)
    return came, came.manifest.stages[2]


def test_a_kernel_that_dies_is_tried_again_and_given_up(impatient: Lab, cold: bool) -> None:
    came, stage = ran(impatient, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", cold=cold)
    assert (came.manifest.outcome, stage.outcome, stage.category, stage.retries) == (Outcome.FAILED, "failed", "transient", 1)
    assert "died" in (stage.error or "")
    assert [stage.outcome for stage in came.manifest.stages[3:]] == [Outcome.NOT_RUN, Outcome.NOT_RUN]


def test_a_kernel_that_died_once_costs_nothing_but_time(impatient: Lab, cold: bool) -> None:
    flag = impatient.root / "died"
    code = f"import os, pathlib; p = pathlib.Path({str(flag)!r}); q = p.exists(); p.touch(); q or os._exit(1)"
    came, stage = ran(impatient, code.replace('"', "'"), cold=cold)
    assert (came.manifest.outcome, stage.retries) == (Outcome.DONE, 1)


@pytest.mark.parametrize(("cold", "code"), [(True, "import time; time.sleep(600)"), (False, "list(map(int, iter(int, 1)))")])
def test_a_kernel_that_hangs_is_ended(impatient: Lab, cold: bool, code: str) -> None:
    mark = impatient.root / "pid"
    came, stage = ran(
        impatient, f"import os, pathlib; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); {code}", cold=cold
    )
    assert (stage.outcome, stage.category) == ("failed", "transient")
    assert "timed out" in (stage.error or "")
    assert soon(lambda: not lives(int(mark.read_text())))
    assert (came.folder / "run.json").exists()


def test_two_hundred_megabytes_of_output_are_cut_and_said_to_be(lab: Lab, cold: bool) -> None:
    came, stage = ran(lab, "[print('x' * 1_000_000) for _ in range(200)]", cold=cold)
    assert came.manifest.outcome is Outcome.DONE
    path = came.folder / (stage.notebook or "")
    assert path.stat().st_size < 20_000_000
    printed = [
        o["text"] for cell in read_notebook(path)["cells"] for o in cell.get("outputs", ()) if o["output_type"] == "stream"
    ]
    text = "".join("".join(part) for part in printed)
    assert text.endswith("[what this cell printed beyond 2,000,000 characters was not kept]\n")


def test_a_notebook_that_raises_is_no_matter_of_trying_again(impatient: Lab, cold: bool) -> None:
    came, stage = ran(impatient, "1 / 0", cold=cold)
    assert (stage.category, stage.retries) == ("data", 0)
    assert "ZeroDivisionError" in (stage.error or "")
    assert Path(came.folder / "profile.ipynb").exists()
