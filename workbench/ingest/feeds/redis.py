"""A Redis stream, read by a consumer group; a position is an entry's id as one number.

Redis: https://redis.io/docs/latest/develop/data-types/streams/
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from workbench.ingest.feeds.feed import Piece, feed_name
from workbench.model.errors import BadInput, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator

SEQUENCE_BITS: Final = 20
"""Of a position these say the entry's number within its millisecond: a million of them."""
CONSUMER: Final = "workbench"
Entry = tuple[bytes, list[bytes] | None]


@dataclass(slots=True)
class RedisStream:
    """The entries of a stream, each acknowledged once it is safe.

    Attributes
    ----------
    url
        ``redis://[user:password@]host[:port][/database]``
    key
        The stream.
    group
        The consumer group; made where there is none, at the beginning of the stream.
    """

    url: str
    key: str
    group: str
    _client: Any = None
    _after: int = -1
    _pending: list[Entry] = field(default_factory=list)
    _is_in_doubt: bool = False
    """Whether entries may have been given to us in an answer that was lost."""

    @classmethod
    def at(cls, address: str, group: str) -> RedisStream:
        """Return the stream at ``redis://host/0?stream=KEY``.

        Raises
        ------
        BadInput
            The address names no stream.
        """
        try:
            parts = urlsplit(address)
            keys = parse_qs(parts.query).get("stream", [])
            is_one = parts.port is None or bool(parts.hostname)
        except ValueError:
            is_one, parts, keys = False, urlsplit(""), []
        if not is_one or "@" in parts.path + parts.fragment + parts.query:
            raise BadInput(
                "--from redis://…: expected redis://[user:password@]host:6379/0?stream=KEY;"
                " in a password, write / # ? @ as %2F %23 %3F %40"
            )
        if len(keys) != 1:
            raise BadInput(f"{_without_secrets(address)}: name the stream: redis://host:6379/0?stream=KEY")
        return cls(urlunsplit(parts._replace(query="")), keys[0], group)

    @property
    def name(self) -> str:
        """What its source is called in receipts."""
        return feed_name("redis", self.key, self.address)

    @property
    def address(self) -> str:
        """Server and stream, without user and password."""
        return f"{_without_secrets(self.url)}?stream={self.key}"

    def open(self, position: int | None, last: bytes | None = None) -> None:  # noqa: ARG002 (ids say enough)
        """Connect, and begin behind a position.

        Raises
        ------
        Transient
            The server is away.
        BadInput
            It refuses us; the key is no stream; or the stream was made anew and counts from before the position.
        """
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._after = -1 if position is None else position
        once = Retry(NoBackoff(), 0)  # asked again, it would give other entries
        self._client = redis.Redis.from_url(self.url, protocol=2, socket_timeout=30, socket_connect_timeout=10, retry=once)
        self._client.set_response_callback("XREADGROUP", lambda response, **_: response)  # as it comes: half of the time
        with self._asked():
            self._join(redis.exceptions.ResponseError)
            newest = _position(self._client.xinfo_stream(self.key)["last-generated-id"])
            if newest < self._after:
                raise BadInput(
                    f"{self.address}: expected its last entry at or behind the one that was taken in, found an earlier one; "
                    "the stream was made anew: follow it under another key"
                )
            self._pending = self._unacknowledged()

    def read(self, most: int, seconds: float) -> Piece | None:
        """Return the next entries, first those that were given to us before and never acknowledged."""
        if self._is_in_doubt:
            with self._asked():
                self._pending = self._unacknowledged()
            self._is_in_doubt = False
        entries, self._pending = self._pending[:most], self._pending[most:]
        if not entries:
            self._is_in_doubt = True
            with self._asked():
                found = self._client.xreadgroup(
                    self.group, CONSUMER, {self.key: ">"}, count=most, block=max(1, int(seconds * 1000))
                )
            self._is_in_doubt = False
            entries = found[0][1] if found else []
        known = list(takewhile(lambda entry: _position(entry[0]) <= self._after, entries))
        if known:
            self._acknowledge([entry for entry, _ in known])
        return self._piece(entries[len(known) :]) if len(entries) > len(known) else None

    def acknowledge(self, piece: Piece) -> None:
        """Tell the group that entries are safe."""
        self._acknowledge(piece.mark)

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()

    def _piece(self, entries: list[Entry]) -> Piece:
        ids = [entry for entry, _ in entries]
        sent = Counter([entry.partition(b"-")[0] for entry in ids])
        self._after = _position(ids[-1])
        return Piece(
            name=f"{self.key}.jsonl",
            payload=b"\n".join([_line(fields or []) for _, fields in entries]) + b"\n",
            position=self._after,
            sent_at=tuple((int(ms) / 1000, events) for ms, events in sent.items()),
            mark=ids,
        )

    def _join(self, refused: type[Exception]) -> None:
        """Make the group, and the stream, where they are not there."""
        try:
            self._client.xgroup_create(self.key, self.group, id="0", mkstream=True)
        except refused as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _unacknowledged(self) -> list[Entry]:
        """Return what was given to us before; entries that were deleted meanwhile come without fields."""
        found: list[Entry] = []
        after = b"0"
        while batch := self._client.xreadgroup(self.group, CONSUMER, {self.key: after}, count=10_000):
            if not batch[0][1]:
                break
            found += batch[0][1]
            after = found[-1][0]
        return found

    def _acknowledge(self, ids: list[bytes]) -> None:
        with self._asked():
            for first in range(0, len(ids), 10_000):
                self._client.xack(self.key, self.group, *ids[first : first + 10_000])

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Turn what Redis says into an error of ours; none of it holds a password."""
        import redis.exceptions as said

        try:
            yield
        except (said.AuthenticationError, said.AuthorizationError, said.NoPermissionError) as error:
            raise BadInput(f"{self.address}: the server refuses us: {error}") from error
        except (said.ConnectionError, said.TimeoutError, said.BusyLoadingError, OSError) as error:
            raise Transient(f"{self.address}: the server is away: {error}") from error
        except said.ResponseError as error:
            if str(error).startswith("NOGROUP"):
                raise Transient(f"{self.address}: the stream or its group was taken away; start again") from error
            raise BadInput(f"{self.address}: {error}") from error


def _position(entry: bytes) -> int:
    """Return an id as one number that grows as ids do.

    Examples
    --------
    >>> _position(b"1700000000000-3") - _position(b"1700000000000-2")
    1
    """
    ms, _, sequence = entry.partition(b"-")
    if int(sequence) >> SEQUENCE_BITS or int(ms) >> (63 - SEQUENCE_BITS):
        raise BadInput(
            f"entry {entry.decode()}: expected an id as Redis makes them: milliseconds, and a number below {1 << SEQUENCE_BITS}"
        )
    return int(ms) << SEQUENCE_BITS | int(sequence)


def _line(fields: list[bytes]) -> bytes:
    """Return an entry (name, value, name, value, …) as one line: its only value where that is the event, else an object."""
    if len(fields) == 2 and (fields[0] in (b"data", b"event", b"json", b"payload") or fields[1].lstrip()[:1] == b"{"):
        return fields[1].replace(b"\n", b" ")
    text = [part.decode("utf-8", "replace") for part in fields]
    return json.dumps(dict(zip(text[::2], text[1::2], strict=True))).encode()


def _without_secrets(address: str) -> str:
    parts = urlsplit(address)
    host = parts.hostname or "localhost"
    return urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host, query=""))
