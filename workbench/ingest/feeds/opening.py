"""An address to a feed: a folder, a file of lines, or a Redis stream."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from workbench.ingest.feeds.folder import DropFolder
from workbench.ingest.feeds.jsonl import GrowingFile
from workbench.ingest.feeds.redis import RedisStream
from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.ingest.feeds.feed import Feed

NEEDS = {DropFolder: "watchfiles", RedisStream: "redis"}


def open_feed(address: str, *, root: Path, dataset: str) -> Feed:
    """Return the feed at an address; it is not connected yet.

    Parameters
    ----------
    address : str
        A folder, a file of JSON lines (both as a path or ``file://``), or ``redis://host:port/0?stream=KEY``.
    root : Path
        What a path is relative to.
    dataset : str
        Whose consumer group it is.

    Raises
    ------
    BadInput
        Nothing is there, or it is none of these, or a package for it is not installed.
    """
    feed = _feed(address, root, dataset)
    package = NEEDS.get(type(feed))
    if package and find_spec(package) is None:
        raise BadInput(f"{feed.address}: this needs an optional package: pip install 'workbench[stream]'")
    return feed


def _feed(address: str, root: Path, dataset: str) -> Feed:
    scheme = address.partition("://")[0].lower() if "://" in address else ""
    if scheme in ("redis", "rediss", "unix"):
        return RedisStream.at(address, group=f"workbench_{dataset}")
    if scheme not in ("", "file"):
        raise BadInput(f"--from {scheme}://…: expected a folder, a file of JSON lines, or redis://host:6379/0?stream=KEY")
    path = root / (unquote(urlsplit(address).path) if scheme else address)
    if path.is_dir():
        return DropFolder(path)
    if path.is_file():
        return GrowingFile(path)
    raise BadInput(f"--from {address}: there is no such folder or file")
