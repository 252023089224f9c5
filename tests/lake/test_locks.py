"""One at a time, and free again however the holder ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.lake import Lake
from workbench.lake.locks import alone
from workbench.model.errors import SystemFailure, Transient

HOLDER = """
import sys, time
from pathlib import Path
from workbench.lake import Lake
from workbench.lake.locks import alone
with alone(Lake(Path(sys.argv[1])), "write processed/bars"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_another_process_is_waited_for_and_a_killed_one_holds_nothing(lake: Lake) -> None:
    waited: list[bool] = []
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lake.root)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with alone(lake, "write processed/other"):
            pass
        with (
            pytest.raises(Transient, match=r"write processed/bars: another process is at it, and was for 0\.1 s"),
            alone(lake, "write processed/bars", seconds=0.1, waiting=lambda: waited.append(True)),
        ):
            pass
        os.kill(holder.pid, signal.SIGKILL)
    assert waited == [True]
    with alone(lake, "write processed/bars", seconds=0.1):
        pass


def test_a_lake_that_cannot_be_written_to_is_a_failure_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file")
    with pytest.raises(SystemFailure, match="cannot be written to"), alone(Lake(tmp_path / "lake"), "anything"):
        pass
