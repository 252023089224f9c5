"""What goes over a warm process's socket: one JSON object in a packet, with open files beside it."""

from __future__ import annotations

import json
import socket
from typing import Any, Final

MOST_BYTES: Final = 1 << 20
MOST_FILES: Final = 4
SOCKET: Final = "socket"
"""The name of the listening socket in a warm process's folder."""


class Unavailable(Exception):
    """No kernel is to be had from a warm process; the reason, in a few words."""


def send(to: socket.socket, message: dict[str, Any], files: tuple[int, ...] = ()) -> None:
    """Send a message.

    Raises
    ------
    OSError
        The other side is gone, or the message too long for a packet.
    """
    socket.send_fds(to, [json.dumps(message).encode()], files)


def receive(source: socket.socket) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Return the next message and the files that came with it; they are the receiver's to close.

    Raises
    ------
    EOFError
        The other side is gone.
    """
    try:
        data, files, _, _ = socket.recv_fds(source, MOST_BYTES, MOST_FILES)
    except ConnectionError as error:
        raise EOFError from error
    if not data:
        raise EOFError
    message: dict[str, Any] = json.loads(data)
    return message, tuple(files)
