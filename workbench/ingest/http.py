"""A file from a vendor over HTTP: fetched whole or not at all, and tried again where that may help."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from workbench.ingest.retrying import Failed, fetched
from workbench.model.errors import BadInput, SystemFailure, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from workbench.model.settings import Retries

BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that another try may change (RFC 9110, 15.5 and 15.6; RFC 6585)."""
MOST_BYTES: Final = 4 << 30
ENV: Final = "env:"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file is, and what is said to get it.

    Attributes
    ----------
    headers
        Name -> value; ``env:NAME`` stands for the value of a variable.
    timeout_seconds
        How long the other side may say nothing.
    """

    url: str
    headers: Mapping[str, str]
    timeout_seconds: float = 60.0

    @property
    def name(self) -> str:
        """The file's name: the last part of the path, never the query, which may hold a key."""
        return unquote(urlsplit(self.url).path).rpartition("/")[2] or "download"

    @property
    def shown(self) -> str:
        """The address without what opens a door."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def is_url(path: str) -> bool:
    """Whether a source's path is an address rather than a path."""
    return path.startswith(("http://", "https://"))


def fetch(address: Address, retries: Retries) -> bytes:
    """Return a file's bytes.

    Raises
    ------
    BadInput
        It is not there, or we may not have it; or it is empty, or a variable for a header is not set.
    Transient
        The other side was busy, away, or broke off, as often as it was tried.
    """
    headers = _headers(address)
    return fetched(lambda: _tried(address, headers), retries)


def _headers(address: Address) -> dict[str, str]:
    made = {}
    for name, value in address.headers.items():
        if value.startswith(ENV):
            variable = value.removeprefix(ENV)
            if variable not in os.environ:
                raise BadInput(f"{address.shown}: the header {name} needs the variable {variable}, which is not set")
            made[name] = os.environ[variable]
        else:
            made[name] = value
    return made


def _tried(address: Address, headers: dict[str, str]) -> bytes | Failed:
    """Ask once."""
    import httpx

    limits = httpx.Timeout(address.timeout_seconds)
    try:
        with httpx.stream("GET", address.url, headers=headers, timeout=limits, follow_redirects=False) as response:
            refused = _refused(address, response)
            return refused if refused is not None else _body(address, response)
    except httpx.TimeoutException:
        return Failed(Transient(f"{address.shown}: no answer within {address.timeout_seconds:g} s"))
    except (httpx.TransportError, httpx.DecodingError) as error:  # refused, reset, or fewer bytes than were promised
        return Failed(Transient(f"{address.shown}: {type(error).__name__}: {error}"))
    except httpx.InvalidURL as error:
        raise BadInput(f"{address.shown}: no address: {error}") from error


def _refused(address: Address, response: httpx.Response) -> Failed | None:
    code = response.status_code
    if code in BUSY:
        return Failed(Transient(f"{address.shown}: it answers {code} {response.reason_phrase}"), _wait(response))
    if code in (401, 403):
        raise BadInput(f"{address.shown}: it answers {code}: we may not have it; check the key in the source's headers")
    if code in (404, 410):
        raise BadInput(f"{address.shown}: it answers {code}: there is no such file")
    if code != 200:
        raise BadInput(f"{address.shown}: it answers {code} {response.reason_phrase}; put the address that answers 200 there")
    return None


def _wait(response: httpx.Response) -> float | None:
    """Return the seconds the other side asks us to wait (RFC 9110, 10.2.3)."""
    asked = response.headers.get("Retry-After", "")
    if asked.isdigit():
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _body(address: Address, response: httpx.Response) -> bytes:
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > MOST_BYTES:
            raise SystemFailure(f"{address.shown}: more than {MOST_BYTES >> 30} GiB; fetch it in parts")
        parts.append(part)
    if not size:
        raise BadInput(f"{address.shown}: it answers with nothing")
    return b"".join(parts)
