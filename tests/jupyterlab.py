"""A real JupyterLab, driven as a person would: one server for all tests, a page for each notebook.

    def test_something(jupyterlab: JupyterLab, tmp_path: Path) -> None:
        with jupyterlab.open("notebooks/explore/tour.ipynb") as notebook:
            notebook.run_all()
            notebook.page.get_by_label("symbol").select_option("IBM")
            notebook.wait_until_idle()
            notebook.screenshot("tour")
        assert notebook.errors == []

The server is ``workbench lab`` on a lab of the sample; :meth:`JupyterLab.lay_out` makes further labs inside it.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import Request, urlopen

import workbench as wb
from workbench.lab.layout import lay_out

ROOT = Path(__file__).parents[1]
ARTIFACTS = ROOT / "tests" / ".artifacts"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--force-color-profile=srgb"]
SIZE = (1280, 800)
PATIENCE = 120.0
SETTINGS: dict[str, dict[str, Any]] = {
    "notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
}

OPEN = """async path => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = await app.commands.execute('docmanager:open', { path, factory: 'Notebook' });
    await panel.context.ready;
    await panel.sessionContext.ready;
    app.shell.collapseLeft();
}"""
RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
RAISED = """() => {
    const cells = [...window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells];
    const outputs = cells.filter(cell => cell.cell_type === 'code').flatMap(cell => cell.getOutputs());
    return outputs.filter(output => output.output_type === 'error').map(output => `${output.ename}: ${output.evalue}`);
}"""
# A kernel that answers has done what came before.
ANSWERED = """async () => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    await kernel.requestExecute({ code: '', silent: true, store_history: false }).done;
}"""
THEME = "async theme => { await window.jupyterapp.commands.execute('apputils:change-theme', { theme }); }"
HEIGHT = "() => Math.max(...[...document.querySelectorAll('.jp-Notebook, .jp-WindowedPanel-outer')].map(e => e.scrollHeight))"
TOP = "() => document.querySelectorAll('.jp-Notebook, .jp-WindowedPanel-outer').forEach(part => { part.scrollTop = 0; })"
SHUT_DOWN = "async () => { await window.jupyterapp.serviceManager.sessions.shutdownAll(); }"


@dataclass
class Notebook:
    """A notebook that is open in a browser.

    Attributes
    ----------
    page
        Playwright's page, for everything that has no method here.
    errors
        What the browser's console called an error, and exceptions nobody caught.
    """

    page: Any
    errors: list[str] = field(default_factory=list)
    is_open: bool = True

    def saw(self, error: str) -> None:
        """Keep an error; what happens while kernels are shut down under the page is none of the notebook's."""
        if self.is_open:
            self.errors.append(error)

    def run_all(self) -> None:
        """Run every cell, and wait until the last is done; an exception in a cell is an error."""
        self.page.evaluate(RUN_ALL)
        self.wait_until_idle()
        self.errors += self.page.evaluate(RAISED)
        self.errors += self.page.get_by_text(
            "Javascript Error"
        ).all_inner_texts()  # what the page says of an output it cannot show

    def wait_until_idle(self) -> None:
        """Wait until the kernel has done what it was asked, and the page has shown it."""
        self.page.evaluate(ANSWERED)
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def theme(self, name: Literal["Light", "Dark"]) -> None:
        """Put JupyterLab into its light or its dark theme."""
        self.page.evaluate(THEME, f"JupyterLab {name}")
        self.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=f"JupyterLab {name}")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def screenshot(self, name: str, *, whole: bool = False) -> Path:
        """Store what is seen, or the whole notebook, under ``tests/.artifacts``; return the file."""
        ARTIFACTS.mkdir(exist_ok=True)
        if whole:
            self.page.set_viewport_size({"width": SIZE[0], "height": min(int(self.page.evaluate(HEIGHT)) + 120, 16_000)})
            self.page.wait_for_timeout(500)
            self.page.evaluate(TOP)
        path = ARTIFACTS / f"{name}.png"
        self.page.screenshot(path=path)
        if whole:
            self.page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
            self.page.wait_for_timeout(300)
        return path


@dataclass(frozen=True)
class JupyterLab:
    """A server on this machine, and a browser to look at it: one for each page, as playwright holds the thread while it is open.

    Attributes
    ----------
    root
        The server's folder: a lab, the sample ingested.
    """

    root: Path
    url: str
    token: str
    chromium: str

    def lay_out(self, name: str) -> Path:
        """Make one more lab inside the server's folder; return its own."""
        lay_out(self.root / name)
        return self.root / name

    @contextmanager
    def open(self, path: str | Path) -> Iterator[Notebook]:
        """Open a notebook in a page of its own, its kernel started; ``path`` is relative to the server's folder."""
        from playwright.sync_api import sync_playwright

        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=self.chromium, args=ARGUMENTS)
            notebook = self._opened(browser, path)
            try:
                yield notebook
            finally:
                notebook.is_open = False
                notebook.page.evaluate(SHUT_DOWN)
                browser.close()

    def _opened(self, browser: Any, path: str | Path) -> Notebook:
        context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
        context.set_default_timeout(PATIENCE * 1000)
        notebook = Notebook(context.new_page())
        page = notebook.page
        page.on("console", lambda said: notebook.saw(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: notebook.saw(error.stack or str(error)))
        page.on("dialog", lambda dialog: (notebook.saw(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(f"{self.url}/lab?reset&token={self.token}")
        page.wait_for_function("() => window.jupyterapp !== undefined")
        page.evaluate(OPEN, Path(path).as_posix())
        return notebook


@contextmanager
def served(root: Path, chromium: str) -> Iterator[JupyterLab]:
    """Lay out a lab with the sample in it, and serve it for as long as the context lasts."""
    lay_out(root)
    wb.open(root)["us_equities"].update()
    port, token = _free_port(), secrets.token_hex(16)
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "workbench", "lab", str(root), "--port", str(port), "--no-browser"]
    with (root / "jupyterlab.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=root, env=_environment(root, token), stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for(server, url, token, root / "jupyterlab.log")
        yield JupyterLab(root, url, token, chromium)
    finally:
        _stop(server, url, token)


def _environment(root: Path, token: str) -> dict[str, str]:
    """Return variables that keep the server's settings, sessions and history to itself."""
    own = root / ".jupyter"
    for name, values in SETTINGS.items():
        path = own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    config = {
        "LabApp": {"expose_app_in_browser": True},
        "IdentityProvider": {"token": token},
        "ServerApp": {"ip": "127.0.0.1", "port_retries": 0},
    }
    (own / "jupyter_server_config.json").write_text(json.dumps(config), encoding="utf-8")
    places = {
        "JUPYTER_CONFIG_DIR": own, "JUPYTER_DATA_DIR": own / "data", "JUPYTER_RUNTIME_DIR": own / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": own / "settings", "JUPYTERLAB_WORKSPACES_DIR": own / "workspaces",
        "IPYTHONDIR": own / "ipython",
    }  # fmt: skip
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, **{name: str(path) for name, path in places.items()}, "PYTHONPATH": paths}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _asked(url: str, token: str, *, method: str = "GET") -> bool:
    request = Request(url, method=method, headers={"Authorization": f"token {token}"})
    try:
        with urlopen(request, timeout=5):
            return True
    except (URLError, OSError):
        return False


def _wait_for(server: subprocess.Popen[bytes], url: str, token: str, log: Path) -> None:
    last = time.monotonic() + PATIENCE
    while not _asked(f"{url}/api/status", token):
        if server.poll() is not None or time.monotonic() > last:
            raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.1)


def _stop(server: subprocess.Popen[bytes], url: str, token: str) -> None:
    """Ask the server to end, its kernels with it; end it where it does not."""
    _asked(f"{url}/api/shutdown", token, method="POST")
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
