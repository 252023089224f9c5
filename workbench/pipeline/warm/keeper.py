"""The warm process: it has imported what kernels need, listens, and forks a child for each kernel.

``python -P -m workbench.pipeline.warm.keeper FOLDER READY_FD``. It has one thread, so that a fork copies no lock that
somebody holds; what would start threads at import is told not to (``starting.py``), and where there are any after all it
refuses to fork.

Notes
-----
Polars may be imported before a fork, but one query run before it hangs every child: nothing here may touch a frame.
Children of kernels become this process's own when a kernel ends (it is their subreaper), and are killed then.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from workbench.pipeline.warm.birth import Birth, become_kernel
from workbench.pipeline.warm.wire import SOCKET, receive, send

MODULES: Final = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.iostream", "ipykernel.displayhook",
    "ipykernel.subshell_manager", "ipykernel.shellchannel", "ipykernel.comm", "ipykernel.compiler", "ipykernel.debugger",
    "IPython.core.completer", "IPython.core.completerlib", "IPython.core.debugger", "IPython.extensions.storemagic",
    "numpy", "pandas", "pandas.io.formats.html", "pyarrow", "pyarrow.parquet", "pyarrow.compute", "pyarrow.dataset", "polars",
    "plotly.graph_objects", "plotly.express", "plotly.io", "ipywidgets", "deltalake", "nbformat",
    "workbench.lab.lab", "workbench.lab.check", "workbench.lab.comparing", "workbench.lab.records", "workbench.lab.report",
)  # fmt: skip
HARMLESS: Final = frozenset({"polars-ooc-clea"})
"""A thread of Polars that waits for work it has only after a query; children were seen to do without it."""
IDLE_SECONDS: Final = 600.0
PR_SET_CHILD_SUBREAPER: Final = 36


class Born(BaseException):
    """Raised in a forked child, to leave the loop of its parent."""

    def __init__(self, birth: Birth) -> None:
        self.birth = birth


@dataclass(slots=True)
class Kernel:
    """A child that somebody has a lease on."""

    pid: int
    exit: int
    lease: socket.socket
    litter: tuple[str, ...]
    """Files it, or who asked for it, would leave behind: what begins with these names."""


@dataclass(slots=True)
class Spare:
    """A child that is ready, or nearly so, and nobody's yet."""

    pid: int
    exit: int
    wire: socket.socket
    connection: dict[str, Any] | None = None


@dataclass(slots=True)
class Keeper:
    """Listens, forks, and buries; ends by itself when nobody has asked for long."""

    folder: Path
    listening: socket.socket
    idle_seconds: float = IDLE_SECONDS
    kernels: dict[int, Kernel] = field(default_factory=dict)
    spares: dict[int, Spare] = field(default_factory=dict)
    wanted_spares: int = 0
    events: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)
    last_asked: float = field(default_factory=time.monotonic)
    born: int = 0

    def serve(self) -> None:
        """Go on until idle; in a forked child, raise :class:`Born`."""
        self.events.register(self.listening, selectors.EVENT_READ, (self._connected, 0))
        while self.kernels or time.monotonic() - self.last_asked < self.idle_seconds:
            if len(self.spares) < self.wanted_spares and not unknown_threads():
                self._fork_spare()
            for key, _ in self.events.select(self.idle_seconds):
                happened, subject = key.data
                happened(subject)
        for spare in self.spares.values():
            _kill(spare.pid)

    def _connected(self, _: int) -> None:
        connection, _ = self.listening.accept()
        self.events.register(connection, selectors.EVENT_READ, (self._asked, connection))

    def _asked(self, connection: socket.socket) -> None:
        """Hear what somebody wants, and give a kernel."""
        self.events.unregister(connection)
        self.last_asked = time.monotonic()
        try:
            request, files = receive(connection)
        except (EOFError, ValueError):
            connection.close()
            return
        self.wanted_spares = max(self.wanted_spares, int(request["spares"]))
        spare = next((s for s in self.spares.values() if s.connection), None) if request["spares"] else None
        try:
            if spare is not None:
                self._hand_over(spare, connection, request, files)
            elif unknown := unknown_threads():
                send(connection, {"refused": f"the warm process has threads: {', '.join(unknown)}"})
                connection.close()
            else:
                self._fork_kernel(connection, request, files)
        except OSError:  # who asked is gone, or the spare is: its end is told by its own descriptor
            connection.close()
        for file in files:  # not in a child, which leaves by way of an exception: it takes them with it
            os.close(file)

    def _hand_over(self, spare: Spare, lease: socket.socket, request: dict[str, Any], files: tuple[int, ...]) -> None:
        send(spare.wire, request, files)
        send(lease, {"ready": True, "pid": spare.pid, "connection": spare.connection})
        del self.spares[spare.pid]
        self.events.unregister(spare.wire)
        self.events.unregister(spare.exit)
        spare.wire.close()
        self._watch(Kernel(spare.pid, spare.exit, lease, (*_litter_of(request), f"{(spare.connection or {})['ip']}-")))

    def _fork_kernel(self, lease: socket.socket, request: dict[str, Any], files: tuple[int, ...]) -> None:
        pid = self._fork(Birth(lease, self.folder, request=request, files=files))
        self._watch(Kernel(pid, os.pidfd_open(pid), lease, _litter_of(request)))

    def _fork_spare(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = self._fork(Birth(theirs, self.folder, number=self.born), ours)
        theirs.close()
        self.spares[pid] = Spare(pid, os.pidfd_open(pid), ours)
        self.events.register(ours, selectors.EVENT_READ, (self._spare_spoke, pid))
        self.events.register(self.spares[pid].exit, selectors.EVENT_READ, (self._spare_ended, pid))

    def _fork(self, birth: Birth, *not_theirs: socket.socket) -> int:
        self.born += 1
        pid = os.fork()
        if pid == 0:
            self._let_go()
            for end in not_theirs:
                end.close()
            raise Born(birth)
        return pid

    def _let_go(self) -> None:
        """Close, in a child, what belongs to the keeper."""
        self.events.close()
        self.listening.close()
        for kernel in self.kernels.values():
            kernel.lease.close()
            os.close(kernel.exit)
        for spare in self.spares.values():
            spare.wire.close()
            os.close(spare.exit)

    def _watch(self, kernel: Kernel) -> None:
        self.kernels[kernel.pid] = kernel
        self.events.register(kernel.exit, selectors.EVENT_READ, (self._ended, kernel.pid))
        self.events.register(kernel.lease, selectors.EVENT_READ, (self._released, kernel.pid))

    def _spare_spoke(self, pid: int) -> None:
        spare = self.spares[pid]
        try:
            message, _ = receive(spare.wire)
            spare.connection = message["connection"]
        except EOFError:
            _kill(pid)
            self.events.unregister(spare.wire)

    def _spare_ended(self, pid: int) -> None:
        spare = self.spares.pop(pid)
        os.waitpid(pid, 0)
        self.events.unregister(spare.exit)
        os.close(spare.exit)
        with suppress(KeyError):
            self.events.unregister(spare.wire)
        spare.wire.close()
        self.wanted_spares = 0  # they do not live here; kernels are forked when they are asked for

    def _released(self, pid: int) -> None:
        """End a kernel whose asker let go of it, or died."""
        self.events.unregister(self.kernels[pid].lease)
        _kill(pid)

    def _ended(self, pid: int) -> None:
        kernel = self.kernels.pop(pid)
        self.last_asked = time.monotonic()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.events.unregister(kernel.exit)
        os.close(kernel.exit)
        _kill_group(pid)
        self._kill_orphans()
        with suppress(KeyError):
            self.events.unregister(kernel.lease)
        with suppress(OSError):
            send(kernel.lease, {"exit": status})
        kernel.lease.close()
        for name in kernel.litter:
            for path in Path(name).parent.glob(f"{Path(name).name}*"):
                path.unlink(missing_ok=True)

    def _kill_orphans(self) -> None:
        """Kill what ended kernels had started in sessions of their own: it has come down to this process."""
        ours = self.kernels.keys() | self.spares.keys()
        while orphans := [pid for pid in _children() if pid not in ours]:
            for pid in orphans:
                _kill(pid)
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def unknown_threads() -> list[str]:
    """Return the names of threads of this process that are not known to be harmless in a child."""
    others = [task for task in Path("/proc/self/task").iterdir() if int(task.name) != os.getpid()]
    names = [(task / "comm").read_text().strip() for task in others]
    return [name for name in names if name not in HARMLESS]


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _litter_of(request: dict[str, Any]) -> tuple[str, ...]:
    return tuple(request["litter"])


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _listen(folder: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(str(folder / SOCKET))
    listening.listen(128)
    return listening


def main() -> None:
    """Import, listen, keep; in a child, become a kernel."""
    folder, ready = Path(sys.argv[1]), int(sys.argv[2])
    if os.fork():
        os._exit(0)  # nobody's child, so that whoever started it need not bury it
    for name in MODULES:
        if find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    gc.collect()
    gc.freeze()  # what is there now is never looked at again, so that children go on sharing its pages
    keeper = Keeper(folder, _listen(folder), float(os.environ.get("WORKBENCH_WARM_IDLE_SECONDS", IDLE_SECONDS)))
    os.write(ready, b"ready")
    os.close(ready)
    try:
        keeper.serve()
    except Born as born:
        birth = born.birth
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return
    become_kernel(birth)


if __name__ == "__main__":
    main()
