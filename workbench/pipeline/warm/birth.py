"""From a fork to a kernel: the child parts from its parent, takes over what was asked for, and serves."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workbench.pipeline.warm.wire import receive, send

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from ipykernel.kernelapp import IPKernelApp

PR_SET_PDEATHSIG: Final = 1
JOIN_SECONDS: Final = 0.5
SPARE_ARGUMENTS: Final = ("--HistoryManager.hist_file=:memory:",)
"""What spares are started with, besides where to listen: what nbclient gives every kernel."""


@dataclass(frozen=True, slots=True)
class Birth:
    """What a child is to become: a kernel for a request, or a spare that waits for one.

    Attributes
    ----------
    wire
        To who asked, or to the keeper for a spare.
    files
        Standard output and error of who asked.
    """

    wire: socket.socket
    folder: Path
    number: int = 0
    request: dict[str, Any] | None = None
    files: tuple[int, ...] = ()


def become_kernel(birth: Birth) -> None:
    """Serve as a kernel until told to stop; never returns."""
    _part_from_parent()
    if birth.request is None:
        _serve_as_spare(birth)
    else:
        _serve_at_once(birth, birth.request)


def _part_from_parent() -> None:
    """Be a process of one's own, that dies with its parent."""
    parent = os.getppid()
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.modules["numpy"].random.seed()
    atexit._clear()


def _serve_at_once(birth: Birth, request: dict[str, Any]) -> None:
    _take_over(request)
    for target, file in zip((1, 2), birth.files, strict=True):
        os.dup2(file, target)
        os.close(file)
    app = kernel_app()
    app.initialize(request["arguments"])
    send(birth.wire, {"ready": True, "pid": os.getpid(), "connection": None})
    birth.wire.close()
    _serve(app)


def _serve_as_spare(birth: Birth) -> None:
    """Get ready on a connection of one's own choice, then wait for somebody to want it."""
    base = str(birth.folder / f"s{birth.number}")
    app = kernel_app(transport="ipc", ip=base, connection_file=f"{base}-.json")
    app.initialize(list(SPARE_ARGUMENTS))
    ports = {f"{name}_port": getattr(app, f"{name}_port") for name in ("shell", "iopub", "stdin", "hb", "control")}
    key = {"key": app.session.key.decode(), "signature_scheme": app.session.signature_scheme}
    send(birth.wire, {"connection": {"transport": "ipc", "ip": base, "kernel_name": "", **key, **ports}})
    try:
        request, files = receive(birth.wire)
    except EOFError:
        os._exit(0)
    birth.wire.close()
    for stream, file in zip((sys.stdout, sys.stderr), files, strict=True):
        behind = getattr(stream, "_original_stdstream_copy", None)
        if behind is not None:  # what C code writes goes on to who asked
            os.dup2(file, behind)
        os.close(file)
    _take_over(request)
    _serve(app)


def _take_over(request: dict[str, Any]) -> None:
    """Take the surroundings of who asked."""
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.umask(request["umask"])
    os.chdir(request["folder"])
    sys.argv = ["ipykernel_launcher.py", *request["arguments"]]


def kernel_app(**settings: Any) -> IPKernelApp:
    """Return a kernel that needs no eye on its parent: the keeper has one."""
    from ipykernel.kernelapp import IPKernelApp

    class WarmKernelApp(IPKernelApp):
        name = "ipython-kernel"

        def init_poller(self) -> None:
            self.poller = None

        def log_connection_info(self) -> None:
            """Say nothing: nobody reads it."""

    app: IPKernelApp = WarmKernelApp.instance(**settings)
    return app


def _serve(app: IPKernelApp) -> None:
    """Serve, then leave: what was registered for the end is done, threads that dawdle are not waited for.

    Notes
    -----
    ``IPKernelApp.close`` waits up to ten seconds for a flush that never comes; one run in twenty lost three of them.
    """
    app.start()
    atexit.unregister(app.close)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(JOIN_SECONDS)
    atexit._run_exitfuncs()
    os._exit(0)
