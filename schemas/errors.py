"""The error tree. Every message says what is wrong, where, and what to do about it."""

from typing import Self


class OcclabelError(Exception):
    """Anything occlabel refuses: shown to the user as one sentence, without a traceback."""


class Ended(SystemExit):
    """The end that a signal asks for. Any other exit is of somebody's code that calls ``sys.exit``: it failed."""


class BadRecipe(OcclabelError):
    """A recipe, an option or a preset name that cannot be used."""


class BadLog(OcclabelError):
    """A drive log that cannot be read as a whole: unknown layout, missing calibration, wrong poses."""


class DamagedFile(OcclabelError):
    """One sensor or truth file that cannot be read: the frame it belongs to goes on without it."""


class BadWeights(OcclabelError):
    """A weight file that is corrupt or made for another grid, taxonomy or network."""


class BadPredictions(OcclabelError):
    """Predictions that cannot be scored or exported."""


class StoreError(OcclabelError):
    """A store, artifact or version that is missing, incomplete or altered."""


class StoreAway(StoreError):
    """A store that cannot be reached, read or written as such: no connection, no right, no room."""


class StoreDenied(StoreAway):
    """A store on a disk that this user may not read or write: it is the same a minute later."""


class InTheWay(StoreAway):
    """A folder in a store where a file belongs."""

    def __init__(self, location: str, path: str) -> None:
        super().__init__(f"{location}/{path} is a folder where a file belongs: remove it")
        self.location, self.path = location, path

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.location, self.path)


class AlteredArtifact(StoreError):
    """What lies in a store is gone, cut or not what was written there."""


class GateFailed(OcclabelError):
    """A version that does not pass the recipe's gates; nothing is published."""
