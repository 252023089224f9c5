"""Telling somebody: an alert is kept as a line in a file, and handed to a command that the contract names."""

from __future__ import annotations

import json
import logging
import subprocess
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from pathlib import Path

    from workbench.monitor.alerts import Level

SECONDS: Final = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Alert:
    """What somebody is told.

    Attributes
    ----------
    at
        UTC.
    reasons
        In words, the most urgent first.
    """

    level: Level
    dataset: str
    session: date
    run: str
    at: datetime
    reasons: tuple[str, ...]

    def to_json(self) -> str:
        """Return it as one line."""
        fields = asdict(self) | {"session": self.session.isoformat(), "at": self.at.isoformat()}
        return json.dumps({"schema": "workbench.alert/1", **fields}, ensure_ascii=False)


def tell(alert: Alert, folder: Path, command: Sequence[str] = ()) -> None:
    """Keep an alert, and hand it to a command.

    Parameters
    ----------
    alert : Alert
    folder : Path
        Of the alerts: one file a month.
    command : sequence of str
        Program and arguments; gets the alert as JSON on its standard input. No shell reads it.

    Notes
    -----
    A command that fails is logged: what is told about is over, and must not fail with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{alert.at:%Y-%m}.ndjson").open("a", encoding="utf-8") as file:
        file.write(alert.to_json() + "\n")
    if not command:
        return
    try:
        done = subprocess.run(  # noqa: S603 (the contract's own words)
            list(command), input=alert.to_json(), text=True, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("the alert is kept, and its command failed: %s", error)
        return
    if done.returncode:
        last = done.stderr.strip()[-200:]
        _log.warning("the alert is kept, and its command %s ended with %d: %s", command[0], done.returncode, last)
