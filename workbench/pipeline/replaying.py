"""A run done again: the same notebooks, parameters, data and code, in a place that never touches the lab; then compared."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench.audit.manifest import read_manifest, write_manifest
from workbench.audit.store import run_folder
from workbench.audit.verifying import Problem, verify_run
from workbench.lab.documents import STATE
from workbench.lab.fingerprint import environment
from workbench.lab.replays import Stage, set_up
from workbench.lake import Lake, Zone
from workbench.model.errors import BadInput
from workbench.model.runs import Outcome, RunManifest, StageRecord
from workbench.pipeline.notebook import Execution, execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.lab.lab import Lab

KERNEL: Final = "workbench-replay"
MOST_SHOWN: Final = 30
PIP_SECONDS: Final = 600
_PIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.+!]*")
"""A library and its version, and nothing that pip would take for an option or an address."""
_NOT_IN_KERNEL: Final = frozenset({"papermill"})
_NOT_LIBRARIES: Final = frozenset({"python", "platform"})


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of replaying a run.

    Attributes
    ----------
    then, now
        The run, and its replay.
    differences
        What is not the same, one line each; empty where everything is, to the bit.
    reasons
        What may have made it so: other libraries, other code, files that are not what was sealed.
    folder
        The scratch lab, where it was kept.
    """

    then: RunManifest
    now: RunManifest
    is_current_code: bool
    differences: tuple[str, ...]
    reasons: tuple[str, ...]
    seconds: float
    folder: Path | None

    @property
    def is_same(self) -> bool:
        """Whether score, states and findings are those of the run."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return what ``workbench audit replay --json`` prints."""
        return {
            "schema": "workbench.replay/1",
            "run": self.then.id,
            "dataset": self.then.dataset,
            "session": self.then.session.isoformat(),
            "code": "current" if self.is_current_code else "sealed",
            "is_same": self.is_same,
            "score": {name: (m.score or {}).get("score") for name, m in (("then", self.then), ("now", self.now))},
            "state": {name: (m.score or {}).get(STATE) for name, m in (("then", self.then), ("now", self.now))},
            "differences": list(self.differences),
            "reasons": list(self.reasons),
            "seconds": self.seconds,
            "folder": None if self.folder is None else str(self.folder),
        }


def replay(
    lab: Lab,
    run_id: str,
    *,
    current_code: bool = False,
    keep: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Replayed:
    """Do a run again, and compare.

    Parameters
    ----------
    lab : Lab
        Only read.
    run_id : str
    current_code : bool
        With the package and the notebooks of today: what they would have said then.
    keep : Path, optional
        An empty folder, or one that is not there, in which the scratch lab stays.
    progress : callable, optional
        Called with the name of each stage, before it.

    Raises
    ------
    BadInput
        There is no such run, it was never sealed, or something it was made from was not.
    LakeBroken
        Something that was sealed is missing, or is not what it was.
    """
    began = time.perf_counter()
    then = lab.run(run_id).manifest
    problems = verify_run(lab.lake, run_id).problems
    with _place(keep) as scratch:
        stage = set_up(lab, then, scratch, current_code=current_code, is_kept=keep is not None)
        overlay, reasons = (None, []) if current_code else _libraries(scratch, then.environment)
        now = _executed(stage, then, lab.settings.stage_timeout_seconds, overlay, progress)
        return Replayed(
            then, now, current_code, tuple(differences(then, now)), (*_told(problems), *reasons, *_code(then, current_code)),
            round(time.perf_counter() - began, 3), keep,
        )  # fmt: skip


@contextmanager
def _place(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.exists() and not (keep.is_dir() and not any(keep.iterdir())):
            raise BadInput(f"--keep {keep}: expected an empty folder, or one that is not there")
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="workbench-replay-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


def _executed(
    stage: Stage, then: RunManifest, timeout: int, overlay: Path | None, progress: Callable[[str], None] | None
) -> RunManifest:
    """Execute the stages that the run had executed, until one fails; return what they recorded as a manifest."""
    folder = run_folder(Lake(stage.root / "data").zone(Zone.METADATA), then.id, then.session)
    folder.mkdir(parents=True, exist_ok=True)
    done: list[StageRecord] = []
    with _kernel(stage, overlay):
        for name in stage.stages:
            if progress:
                progress(name)
            notebook = stage.notebooks / f"{name}.ipynb"
            output = folder / notebook.name
            done.append(execute(Execution(notebook, output, then.parameters, KERNEL, stage.root, is_cold=True, timeout=timeout)))
            if done[-1].outcome is Outcome.FAILED:
                break
    score = next((record.measured.get("quality") for record in done if record.name == "quality"), None)
    outcome = Outcome.FAILED if done[-1].outcome is Outcome.FAILED else Outcome.DONE
    manifest = replace(then, stages=tuple(done), score=score, outcome=outcome, environment=environment())
    return read_manifest(write_manifest(folder, manifest))


@contextmanager
def _kernel(stage: Stage, overlay: Path | None) -> Iterator[None]:
    """Offer a kernel that imports the package of the replay before any other."""
    folder = stage.root / "jupyter" / "kernels" / KERNEL
    folder.mkdir(parents=True)
    paths = os.pathsep.join(str(path) for path in (stage.code, overlay) if path is not None)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "workbench, as it was",
        "language": "python",
        "env": {"PYTHONPATH": paths},
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
    before = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = os.pathsep.join([str(stage.root / "jupyter"), *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            del os.environ["JUPYTER_PATH"]
        else:
            os.environ["JUPYTER_PATH"] = before


def _libraries(scratch: Path, wanted: dict[str, str]) -> tuple[Path | None, list[str]]:
    """Bring the versions of libraries that the run had, where today's are others; say what differs all the same."""
    today = environment()
    others = {name: version for name, version in wanted.items() if today.get(name) != version and name not in _NOT_IN_KERNEL}
    told = [f"{name} was {version} then, {today.get(name)} is here" for name, version in others.items() if name in _NOT_LIBRARIES]
    needed = {n: v for n, v in others.items() if n not in _NOT_LIBRARIES and v != "absent" and _PIN.fullmatch(f"{n}=={v}")}
    if not needed:
        return None, told
    overlay = scratch / "libraries"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(overlay)]
    pins = [f"{name}=={version}" for name, version in needed.items()]
    try:
        subprocess.run([*command, *pins], check=True, capture_output=True, text=True, timeout=PIP_SECONDS)  # noqa: S603
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        shutil.rmtree(overlay, ignore_errors=True)
        why = f"it could not be brought ({said[-1][:200] if said else 'pip failed'})"
        return None, [*told, *(f"{n} was {v} then, {today.get(n)} is here: {why}" for n, v in needed.items())]
    return overlay, [
        *told,
        *(f"{name} {version} was brought for the replay; {today.get(name)} is here" for name, version in needed.items()),
    ]


def _told(problems: list[Problem]) -> list[str]:
    return [f"{problem.path}: {problem.what} since it was sealed" for problem in problems]


def _code(then: RunManifest, current_code: bool) -> list[str]:
    return ["replayed with today's code and notebooks"] if current_code and then.score is not None else []


def differences(then: RunManifest, now: RunManifest) -> list[str]:
    """Return what a replay came to that the run had not: outcome, score, states, findings, rows, one line each."""
    found = [] if then.outcome is now.outcome else [f"outcome: {then.outcome.value} then, {now.outcome.value} now{_why(now)}"]
    found += _between("score", then.score, now.score)
    for name in ("transformed", "profile"):
        pair = [next((s.measured[name] for s in m.stages if name in s.measured), None) for m in (then, now)]
        found += _between(name, pair[0], pair[1])
    return found[:MOST_SHOWN] + ([f"and {len(found) - MOST_SHOWN} more"] if len(found) > MOST_SHOWN else [])


def _why(manifest: RunManifest) -> str:
    return next((f" ({stage.name}: {stage.error})" for stage in manifest.stages if stage.error), "")


def _between(where: str, then: Any, now: Any) -> list[str]:
    """Compare two JSON values, part by part; findings by their ids."""
    if then == now:
        return []
    if isinstance(then, dict) and isinstance(now, dict):
        return [line for key in dict.fromkeys((*then, *now)) for line in _between(f"{where}.{key}", then.get(key), now.get(key))]
    if isinstance(then, list) and isinstance(now, list):
        pairs = [{_key(part, number): part for number, part in enumerate(parts)} for parts in (then, now)]
        return [
            line
            for key in dict.fromkeys((*pairs[0], *pairs[1]))
            for line in _between(f"{where}[{key}]", pairs[0].get(key), pairs[1].get(key))
        ]
    return [f"{where}: {_short(then)} then, {_short(now)} now"]


def _key(part: Any, number: int) -> str:
    """Return what tells one entry of a list from the others."""
    if isinstance(part, dict):
        return str(next((part[name] for name in ("id", "name", "column", "symbol", "dimension") if name in part), number))
    return str(number)


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
