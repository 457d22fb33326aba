"""Where the libraries below keep what they compile and remember when the usual places cannot be written: a read-only
installation, a HOME that is no folder. Asked whenever ``occlabel`` is imported, so it may cost nothing."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

_PACKAGE = Path(__file__).parent


def settle() -> None:
    """Numba, which refuses to compile what it cannot cache, and matplotlib get a folder of this user's among the
    temporary files where they have none. What the environment names and can be written stays."""
    at_home = _at_home()
    ours = all(os.access(folder, os.W_OK) for folder in (_PACKAGE, _PACKAGE / "stages"))
    if not (_named("NUMBA_CACHE_DIR") or ours or at_home):
        _redirect("NUMBA_CACHE_DIR", "numba")
        if "numba" in sys.modules:  # it has read the environment
            sys.modules["numba"].config.CACHE_DIR = os.environ.get("NUMBA_CACHE_DIR", "")
    if not (_named("MPLCONFIGDIR") or at_home):
        _redirect("MPLCONFIGDIR", "matplotlib")


def _named(variable: str) -> bool:
    value = os.environ.get(variable)
    return bool(value) and _writable(Path(str(value)))


def _at_home() -> bool:
    """Whether ``~/.cache``, or what stands for it, can be written."""
    place = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    return Path(place).is_absolute() and _writable(Path(place))  # without a home, "~" is left as it is


def _writable(folder: Path) -> bool:
    """Whether the folder can be written; it is made where it is not there: nothing less tells."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _redirect(variable: str, name: str) -> None:
    try:
        folder = _own_temporary() / name
        folder.mkdir(exist_ok=True)
    except OSError:  # nothing at all can be written here: whoever must write says so
        return
    os.environ[variable] = str(folder)


def _own_temporary() -> Path:
    """A folder that this user alone can write: what lies in it is executed."""
    import tempfile

    folder = Path(tempfile.gettempdir()) / f"occlabel-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
        return folder
    return Path(tempfile.mkdtemp(prefix="occlabel-"))
