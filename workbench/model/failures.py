"""The three categories of failure, decided in one place: what may pass by itself, what is wrong with data, what stops us."""

from __future__ import annotations

import builtins
import errno
import re
from enum import StrEnum
from typing import Final

from workbench.model.errors import BadInput, LakeBroken, SystemFailure, Transient


class Category(StrEnum):
    """What is to be done about a failure."""

    TRANSIENT = "transient"
    """A time-out, a limit, something unavailable: try again, a little later each time; then give up with the last cause."""
    DATA = "data"
    """Something about this data: quarantine or report it, and go on with other data."""
    SYSTEM = "system"
    """Memory, disk, permissions: stop at once, with everything saved."""


PASSING: Final = frozenset(
    {errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNREFUSED, errno.ECONNABORTED, errno.EPIPE,
     errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EBUSY}
)  # fmt: skip
STOPPING: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EIO,
     errno.EFBIG}
)  # fmt: skip
_NUMBER: Final = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")
"""As Python and Rust write the number of an error of the operating system."""
_OURS: Final = {kind.__name__: kind for kind in (Transient, SystemFailure, LakeBroken, BadInput)}
_KERNEL: Final = frozenset({"DeadKernelError", "CellTimeoutError"})
"""nbclient's own: a kernel that died or hung may not do so again."""


def category_of(error: BaseException) -> Category:
    """Return the category of an error.

    Examples
    --------
    >>> category_of(TimeoutError()), category_of(OSError(28, "No space left on device")), category_of(KeyError("close"))
    (<Category.TRANSIENT: 'transient'>, <Category.SYSTEM: 'system'>, <Category.DATA: 'data'>)
    """
    return _category(type(error), type(error).__name__, str(error), getattr(error, "errno", None))


def category_of_named(name: str, text: str) -> Category:
    """Return the category of an error of which only the name and the text are known, as an executed notebook has them.

    Examples
    --------
    >>> category_of_named("WorkbenchError", "processed/us: the commit failed: No space left on device (os error 28)")
    <Category.SYSTEM: 'system'>
    >>> category_of_named("ZeroDivisionError", "division by zero")
    <Category.DATA: 'data'>
    """
    known = _OURS.get(name) or getattr(builtins, name, None)
    kind = known if isinstance(known, type) and issubclass(known, BaseException) else Exception
    return _category(kind, name, text, None)


def _category(kind: type[BaseException], name: str, text: str, number: int | None) -> Category:
    found = _NUMBER.search(text)
    told = number if number is not None else int(found[1] or found[2]) if found else None
    if issubclass(kind, BadInput):
        return Category.DATA
    if issubclass(kind, MemoryError | SystemFailure | LakeBroken) or told in STOPPING or issubclass(kind, PermissionError):
        return Category.SYSTEM
    passing = issubclass(kind, Transient | TimeoutError | ConnectionError | InterruptedError | BlockingIOError)
    return Category.TRANSIENT if passing or told in PASSING or name in _KERNEL else Category.DATA
