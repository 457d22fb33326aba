"""What goes wrong between us and a store: what passes is waited for, all else becomes a sentence.

Half a minute without a server, a reset connection or a disk that fails for a moment must not end a night. What a user
may not do on a disk is not waited for: rights do not come by themselves.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
    UnknownConfigurationKeyError,
)

from occlabel.schemas.errors import InTheWay, StoreAway, StoreDenied

T = TypeVar("T")

ABSENT = (NotFoundError, FileNotFoundError)
PRESENT = (AlreadyExistsError, FileExistsError)

_FIRST, _LONG, _LOCAL = 5.0, 120.0, 4.0
"""Seconds for which a store is waited for: before it answered once, a server after that, and a disk."""
_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

_LASTING = (
    AlreadyExistsError, InvalidPathError, NotFoundError, NotSupportedError, PermissionDeniedError, PreconditionError,
    UnauthenticatedError, UnknownConfigurationKeyError, FileExistsError, FileNotFoundError, IsADirectoryError,
    NotADirectoryError, PermissionError,
)  # fmt: skip
"""What is the same a minute later."""
_NO_RIGHT = (errno.EACCES, errno.EPERM, errno.EROFS)
_NUMBER = re.compile(r"\(os error (\d+)\)")
"""Of an error of the disk, as the client says it."""
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_BUSY = {"408", "425", "429"}
"""Answers that mean: later. All others from 400 to 499 stay what they are."""
_METADATA_SERVICE, _NO_HTTP, _FOLDER = "169.254.", "builder error", "Is a directory"
"""Texts of errors: a cloud's own machines are asked for credentials, as nobody gave any; an address without TLS; and
what stands in the way of a file."""
_NOBODY = "error sending request"
"""That a server did not answer at all."""
_SIGNS = (_METADATA_SERVICE, _NO_HTTP, _FOLDER)


class Patience:
    """How long the store at ``location`` is waited for; ``reached`` when it answered before."""

    def __init__(self, location: str, reached: bool = False) -> None:
        self.location = location
        self.reached = reached

    def call(self, ask: Callable[[], T], path: str = "", writes: bool = False) -> T:
        """What ``ask`` returns, of the object at ``path`` if of one; ``writes``: it changes the store. Raises what says
        that it is absent or present, StoreAway for all else."""
        begun, pause = time.monotonic(), _PAUSE
        while True:
            try:
                return self._heard(ask())
            except (*ABSENT, *PRESENT) as error:
                self._place(error)
                raise
            except (BaseError, OSError) as error:
                pause = self._pause(error, begun, pause, path, writes)
            time.sleep(pause)

    async def wait_for(self, ask: Callable[[], Awaitable[T]], path: str = "", writes: bool = False) -> T:
        """The same of a coroutine."""
        begun, pause = time.monotonic(), _PAUSE
        while True:
            try:
                return self._heard(await ask())
            except (*ABSENT, *PRESENT) as error:
                self._place(error)
                raise
            except (BaseError, OSError) as error:
                pause = self._pause(error, begun, pause, path, writes)
            await asyncio.sleep(pause)

    def _place(self, error: Exception) -> None:
        """Raises StoreAway when what is absent is not the object, but all around it."""
        if "NoSuchBucket" in str(error):
            raise explained(self.location, error) from error
        self.reached = True

    def _heard(self, answer: T) -> T:
        self.reached = True
        return answer

    def _pause(self, error: Exception, begun: float, before: float, path: str, writes: bool) -> float:
        """Seconds until the next attempt. Raises StoreAway when there is no point in one."""
        most = _LOCAL if "://" not in self.location else _LONG if self.reached else _FIRST
        pause = min(_LONGEST_PAUSE, 2 * before)
        if not passes(error) or time.monotonic() - begun + pause > most:
            if _FOLDER in str(error):
                raise InTheWay(self.location, path) from error
            raise explained(self.location, error, writes) from error
        return pause


def passes(error: Exception) -> bool:
    """Whether the same may work a moment later."""
    if isinstance(error, _LASTING) or _number(error) in _NO_RIGHT or any(sign in str(error) for sign in _SIGNS):
        return False
    status = _status(error)
    return not status.startswith("4") or status in _BUSY


def _status(error: Exception) -> str:
    """What a server answered, empty when it did not."""
    found = _STATUS.search(str(error))
    return found[1] if found else ""


def _number(error: Exception) -> int | None:
    """Of an error of the disk, as the system numbers them."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    disk = isinstance(error, OSError) or "LocalFileSystem" in str(error)  # a connection has numbers too
    found = _NUMBER.search(str(error)) if disk else None
    return int(found[1]) if found else None


def explained(location: str, error: Exception, writes: bool = False) -> StoreAway:
    """The sentence: what, where, what to do. ``writes``: it was to be changed."""
    told = str(error).partition("\n")[0].strip().removeprefix("Generic ")
    number = _number(error)
    if number == errno.EROFS:
        return StoreDenied(f"{location} is on a disk that is read-only ({told}): choose another place")
    if number in _NO_RIGHT:
        done, do = ("written", "write") if writes else ("read", "read")
        return StoreDenied(
            f"{location} cannot be {done} by this user ({told}): give the user the right to {do} there, or choose "
            "another place"
        )
    return StoreAway(f"{location} {_why(error, told)}")


def _why(error: Exception, told: str) -> str:
    if isinstance(error, ABSENT) or _status(error) == "404":
        return "does not exist: create the bucket or the folder, or correct the address"
    if _METADATA_SERVICE in str(error):
        return (
            "asks for credentials and there are none: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or those of "
            "your cloud), or AWS_SKIP_SIGNATURE=true for a public bucket"
        )
    denied = isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError)
    if denied or _status(error) in ("401", "403"):
        return f"cannot be read or written ({told}): check the credentials or the rights of the folder"
    if _NO_HTTP in str(error):
        return "is at a plain http address, which must be allowed: set AWS_ALLOW_HTTP=true, or use https"
    if _NOBODY in str(error):
        asked = os.environ.get("AWS_ENDPOINT_URL")
        at = f"AWS_ENDPOINT_URL is {asked}: correct it, or start the server"
        none = "check the network; to a store that is not Amazon's leads AWS_ENDPOINT_URL"
        return f"does not answer ({told}); {none if asked is None else at}"
    if "Unable to recognise URL" in told or isinstance(error, NotSupportedError):
        return "is none that can be used: give a folder, or a URL that begins with s3://, gs:// or az://"
    if "No space left" in told or "quota" in told.lower():
        return "has no room left: make room"
    if isinstance(error, NotADirectoryError | FileExistsError) or "Not a directory" in told or "File exists" in told:
        return "cannot be written: a file of that name, or of a folder above it, is in the way; choose another place"
    return f"does not answer as a store should: {told}"
