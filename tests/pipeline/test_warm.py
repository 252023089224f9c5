"""Kernels from a warm process: as any other, sooner; one process each; gone with whoever asked."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import papermill
import pytest

from tests.conftest import processes_naming
from workbench.audit.notebooks import kernel_of
from workbench.pipeline.warm import place
from workbench.pipeline.warm.place import place_of
from workbench.pipeline.warm.wire import SOCKET

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only; elsewhere they start cold"),
]
EVERYTHING = """
import numpy as np, pandas as pd, polars as pl, pyarrow as pa, pyarrow.parquet as pq, workbench as wb
frame = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"]})
print(frame.lazy().group_by("b").agg(pl.col("a").sum()).sort("b").collect().rows())
pq.write_table(frame.to_arrow(), "some.parquet")
print(pl.scan_parquet("some.parquet").select(pl.col("a").sum()).collect().item(), pd.read_parquet("some.parquet")["a"].mean())
print((np.ones((300, 300)) @ np.ones((300, 300)))[0, 0])
"""
WHO = "import os; print(os.getpid())"


def run(folder: Path, *cells: str, **options: object) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "in.ipynb")
    options = {"engine_name": "workbench", **options}
    return papermill.execute_notebook(folder / "in.ipynb", folder / "out.ipynb", cwd=folder, progress_bar=False, **options)


def printed(notebook: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for cell in notebook.cells for output in cell.outputs)


def soon(is_so: Callable[[], bool], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while not is_so() and time.monotonic() < until:
        time.sleep(0.05)
    return is_so()


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]


def test_a_warm_kernel_gives_what_a_cold_one_gives_and_says_that_it_was_warm(tmp_path: Path) -> None:
    warm, cold = run(tmp_path, EVERYTHING, "{1: 2}"), run(tmp_path, EVERYTHING, "{1: 2}", engine_name=None)
    assert (kernel_of(warm), kernel_of(cold)) == ("warm", "cold")
    assert [cell.outputs for cell in warm.cells] == [cell.outputs for cell in cold.cells]
    assert warm.metadata.language_info == cold.metadata.language_info


def test_the_kernel_is_installed_for_anybody(tmp_path: Path, warm_processes: Path) -> None:
    parent = "import os; print(os.getppid())"
    made = run(tmp_path, EVERYTHING, parent, engine_name=None, kernel_name="workbench-warm")
    assert int(printed(made).splitlines()[-1]) in processes_naming(str(warm_processes))


def test_nothing_leaks_from_one_kernel_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaky = "import os, builtins, polars; os.environ['LEAK'] = '1'; builtins.leak = 1; polars.leak = 1; os.chdir('/')"
    pids = {printed(run(tmp_path, leaky, WHO))}
    for _ in range(3):
        monkeypatch.setenv("MINE", "yes")
        look = "import builtins, polars; print(os.getcwd(), os.environ.get('LEAK'), os.environ.get('MINE'))"
        seen = printed(run(tmp_path, "import os", look, "print(hasattr(builtins, 'leak'), hasattr(polars, 'leak'))", WHO))
        where, leaks, pid = seen.splitlines()
        assert (where, leaks) == (f"{tmp_path} None yes", "False False")
        pids.add(pid)
    assert len(pids) == 4


def test_random_numbers_differ_from_kernel_to_kernel(tmp_path: Path) -> None:
    draw = "import random, numpy as np; print(random.random(), np.random.rand())"
    assert printed(run(tmp_path, draw)) != printed(run(tmp_path, draw))


ASKER = """
import asyncio, sys, time
from workbench.pipeline.warm.managing import WarmManager
async def main():
    manager = WarmManager(kernel_name="python3")
    await manager.start_kernel()
    client = manager.client(); client.start_channels(); await client.wait_for_ready(timeout=30)
    client.execute("import subprocess; print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid, flush=True)")
    while True:
        message = await client.get_iopub_msg(timeout=30)
        if message["msg_type"] == "stream":
            print(manager.provisioner.pid, message["content"]["text"].strip(), manager.connection_file, flush=True)
            client.execute("while True: pass")
asyncio.run(main())
"""


def test_a_kernel_and_its_children_die_with_whoever_asked_for_it(warm_processes: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ASKER], stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout is not None
        kernel, child, connection = asker.stdout.readline().split()
        assert lives(int(kernel))
        assert lives(int(child))
        assert Path(connection).exists()
        asker.kill()
    assert soon(lambda: not lives(int(kernel)) and not lives(int(child)))
    assert soon(lambda: not Path(connection).exists())
    assert soon(lambda: not list(warm_processes.glob("workbench-*/k*")))


def test_a_kernel_dies_with_the_warm_process_and_the_next_one_is_started_anew(tmp_path: Path, warm_processes: Path) -> None:
    run(tmp_path, WHO)
    keepers = processes_naming(str(warm_processes))
    for pid in keepers:
        os.kill(pid, signal.SIGKILL)
    assert soon(lambda: not any(map(lives, keepers)))
    assert kernel_of(run(tmp_path, WHO)) == "warm"


def test_a_warm_process_ends_when_nobody_has_asked_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_WARM_IDLE_SECONDS", "0.5")
    monkeypatch.setenv("POLARS_FMT_MAX_ROWS", "7")  # a process of its own
    where = place_of(dict(os.environ))
    assert kernel_of(run(tmp_path, WHO)) == "warm"
    assert soon(lambda: not where.exists())
    assert soon(lambda: not processes_naming(str(where)))


def test_source_libraries_and_variables_that_are_read_at_import_have_a_process_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = dict(os.environ)
    mine = place_of(environment)
    assert place_of(environment | {"ANYTHING": "else"}) == mine
    assert place_of(environment | {"POLARS_MAX_THREADS": "1"}) != mine
    source = tmp_path / "package"
    source.mkdir()
    monkeypatch.setattr(place, "PACKAGE", source)
    before = place_of(environment)
    (source / "new.py").write_text("x = 1")
    assert place_of(environment) != before


def test_where_no_warm_process_can_be_had_an_ordinary_kernel_is_started_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    occupied = Path(f"/tmp/wb-{os.getpid()}")
    (occupied / f"workbench-{os.getuid()}").mkdir(parents=True, mode=0o755)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(occupied))
    try:
        with caplog.at_level(logging.WARNING):
            assert kernel_of(run(tmp_path, EVERYTHING)) == "cold"
    finally:
        (occupied / f"workbench-{os.getuid()}").rmdir()
        occupied.rmdir()
    assert "is not a folder of this user alone; remove it): starting an ordinary one" in caplog.text


def test_a_warm_process_with_threads_does_not_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("workbench.pipeline.warm.starting.NO_THREADS", {"OPENBLAS_NUM_THREADS": "4"})
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    assert kernel_of(run(tmp_path, WHO)) == "cold"
    assert "the warm process has threads" in caplog.text


def test_what_a_killed_warm_process_left_is_swept(tmp_path: Path, warm_processes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, WHO)
    dead = warm_processes / f"workbench-{os.getuid()}" / "0123456789ab"
    dead.mkdir()
    (dead / SOCKET).touch()
    monkeypatch.setenv("POLARS_FMT_MAX_ROWS", "8")
    run(tmp_path, WHO)
    assert not dead.exists()


def test_a_kernel_that_is_killed_fails_its_notebook(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="died"):
        run(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
