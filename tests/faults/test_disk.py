"""A disk that is full, and one that cannot be written to: one line, exit 3, and on it goes once it is mended."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.test_backfill import COMMAND, SESSIONS, fill, laid_out, outcome
from workbench.audit.store import shelf
from workbench.lab.lab import Lab, open_lab
from workbench.lake import Zone

__all__ = ["laid_out"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk, which needs root on Linux"),
]


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


@pytest.fixture
def small(laid_out: Path, tmp_path: Path) -> Iterator[Lab]:
    """Return a lab whose lake lies on a small disk."""
    root = tmp_path / "lab"
    shutil.copytree(laid_out, root)
    sample = root / "data" / "sample" / "spring.csv"
    sample.rename(root / "spring.csv")
    contract = root / "contracts" / "us_equities.toml"
    contract.write_text(contract.read_text().replace("data/sample/spring.csv", "spring.csv"))
    shutil.rmtree(root / "data")
    (root / "data").mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=700k", "tmpfs", str(root / "data"))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"needs the right to mount a small disk: {error.stderr.decode().strip()}")
    yield open_lab(root)
    subprocess.run(["umount", "-l", str(root / "data")], check=True)


def backfilled(lab: Lab) -> tuple[int, str]:
    command = [sys.executable, "-m", "workbench", *COMMAND, "--lab", str(lab.root), "--notebooks", "none"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""


def undisturbed(laid_out: Path, tmp_path: Path) -> tuple[object, ...]:
    shutil.copytree(laid_out, tmp_path / "other")
    other = open_lab(tmp_path / "other")
    fill(other)
    return outcome(other)


def test_a_full_disk_stops_everything_and_more_room_lets_it_go_on(small: Lab, laid_out: Path, tmp_path: Path) -> None:
    status, told = backfilled(small)
    assert status == 3
    assert "No space left on device" in told
    assert "run the same command again" in told
    done = len(shelf(small.lake.zone(Zone.METADATA)).runs)
    assert 0 < done < SESSIONS
    assert small["us_equities"].read().frame["session"].n_unique() >= done
    mount("-o", "remount,size=64m", str(small.root / "data"))
    assert backfilled(small)[0] == 0
    assert outcome(small) == undisturbed(laid_out, tmp_path)


def test_a_lake_that_cannot_be_written_to_is_told_and_left_as_it_is(small: Lab) -> None:
    mount("-o", "remount,size=64m", str(small.root / "data"))
    fill(small)
    before = outcome(small)
    mount("-o", "remount,ro", str(small.root / "data"))
    status, told = backfilled(small)
    assert status == 3
    assert "Read-only file system" in told
    assert outcome(small) == before
    mount("-o", "remount,rw", str(small.root / "data"))
    assert fill(small).skipped == SESSIONS
