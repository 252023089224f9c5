"""``run.json``: what a run saw and made. Written whole or not at all, and without secrets."""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from workbench.model.errors import LakeBroken
from workbench.model.runs import Outcome, RunManifest, StageRecord

SCHEMA = "workbench.run/1"
FILE_NAME = "run.json"
HIDDEN = "***"

_SECRET_WORDS = frozenset(
    {
        "token", "tokens", "password", "passwords", "passwd", "passphrase", "pwd", "secret", "secrets", "apikey", "apikeys",
        "authorization", "credential", "credentials", "cookie", "cookies", "bearer", "sas", "dsn",
    }
)  # fmt: skip
_SECRET_PAIRS = frozenset(
    {("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("account", "key"), ("auth", "key")}
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_IN_URL = re.compile(r"(?<=://)(?:[^\s/?#]*|[^\s/?#:@]*:[^\s@]*)@")
_IN_QUERY = re.compile(
    r"(?i)((?:^|[?&;,\s])[a-z_.-]*(?:api[_-]?key|access[_-]?key|account[_-]?key|token|password|passwd|pwd|secret|signature|sig|credential)"
    r"\s*=\s*)[^&\s;,#'\"]+"
)
_IN_HEADER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")


def without_secrets(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters in which nothing can be read that opens a door.

    Parameters
    ----------
    parameters : mapping
        Nested mappings and sequences are gone through.

    Returns
    -------
    dict
        ``"***"`` in place of the value of a key that names a secret (``vendor_api_key``,
        ``dbPassword``, ``Authorization``), of the user's part of a URL, and of query values and
        headers that name one. A secret that is null stays null: that none was set is no secret.

    Examples
    --------
    >>> without_secrets({"apiKey": "s3cr3t", "url": "https://me:pw@host/x?token=abc&n=1", "primary_key": "symbol"})
    {'apiKey': '***', 'url': 'https://***@host/x?token=***&n=1', 'primary_key': 'symbol'}
    """
    return {key: HIDDEN if value is not None and _is_secret(key) else _cleaned(value) for key, value in parameters.items()}


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list | tuple):
        if len(value) == 2 and isinstance(value[0], str) and value[1] is not None and _is_secret(value[0]):
            return [value[0], HIDDEN]
        return [_cleaned(part) for part in value]
    return scrubbed(value) if isinstance(value, str) else value


def scrubbed(text: str) -> str:
    """Return text in which nothing can be read that opens a door: the user's part of URLs, secrets in queries and headers."""
    text = _IN_URL.sub(f"{HIDDEN}@", text)
    text = _IN_QUERY.sub(rf"\g<1>{HIDDEN}", text)
    return _IN_HEADER.sub(rf"\g<1> {HIDDEN}", text)


def _is_secret(key: object) -> bool:
    words = [word.lower() for word in _WORD.findall(str(key))]
    return not _SECRET_WORDS.isdisjoint(words) or any(pair in _SECRET_PAIRS for pair in pairwise(words))


def write_manifest(folder: Path, manifest: RunManifest) -> Path:
    """Publish a run's manifest in its folder, replacing an earlier one in one step.

    Returns
    -------
    Path
        ``folder / "run.json"``: first key ``schema``, keys in a stable order, times in ISO 8601,
        numbers that are not finite as null, exact fractions as decimals, secrets hidden.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_document(manifest), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return _publish(folder / FILE_NAME, text.encode("utf-8", "replace"))


def _publish(path: Path, data: bytes) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _document(manifest: RunManifest) -> dict[str, Any]:
    fields = asdict(manifest)
    for name in ("parameters", "inputs", "environment"):
        fields[name] = without_secrets(fields[name])
    for name in ("parameters", "inputs", "versions", "environment"):
        fields[name] = dict(sorted(fields[name].items()))
    document = {"schema": SCHEMA, **_as_json(fields)}
    # Anything else a run says about itself (an error, a measured value) may quote a URL.
    return {key: value if key in ("id", "schema") else _all_scrubbed(value) for key, value in document.items()}


def _all_scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _all_scrubbed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_all_scrubbed(part) for part in value]
    return scrubbed(value) if isinstance(value, str) else value


def _as_json(value: Any) -> Any:
    """Return a value as JSON has it; what JSON does not have becomes its text."""
    if isinstance(value, Mapping):
        return {str(key): _as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted(_as_json(part) for part in value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool | int | str | None):
        return value
    if isinstance(value, float | Fraction):
        return float(value) if math.isfinite(value) else None
    return str(value)


def read_manifest(path: Path) -> RunManifest:
    """Read a manifest back.

    Raises
    ------
    LakeBroken
        Not there, not JSON, of another schema, a field missing or of the wrong type.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LakeBroken(f"{path}: expected a run's manifest, found something that cannot be read: {error}") from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise LakeBroken(f"{path}: expected schema {SCHEMA!r}, found {schema!r}; a newer workbench may have written it")
    try:
        return _manifest(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LakeBroken(f"{path}: the manifest is damaged: {type(error).__name__}: {error}") from error


def _manifest(document: dict[str, Any]) -> RunManifest:
    times: dict[str, Any] = {name: datetime.fromisoformat(document[name]) for name in ("started_at", "finished_at", "now")}
    stages = tuple(StageRecord(**{**stage, "outcome": Outcome(stage["outcome"])}) for stage in document["stages"])
    rest = {name: document[name] for name in ("id", "dataset", "parameters", "inputs", "versions", "environment", "score")}
    session, outcome = date.fromisoformat(document["session"]), Outcome(document["outcome"])
    return RunManifest(**rest, **times, session=session, outcome=outcome, stages=stages)
