"""A unit of work as the executors see it: something that is performed and ends in a receipt or a failure."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from obstore.exceptions import BaseError

from occlabel.schemas.errors import AlteredArtifact, Ended, OcclabelError, StoreAway, StoreError
from occlabel.schemas.receipt import JobReceipt, Receipt
from occlabel.schemas.stage import Resources

Cause = Literal["data", "store", "away", "lost", "crash", "timeout", "node", "damaged"]
STORE_TROUBLE = (OSError, StoreError, BaseError)
"""What is raised when a store fails: a disk, a file system, an object store and its client."""


@runtime_checkable
class Unit(Protocol):
    """One unit of work: small, picklable, holds references and no voxels."""

    @property
    def resources(self) -> Resources:
        """What performing it takes."""

    def perform(self) -> Receipt | JobReceipt:
        """Does it unless it has a receipt. Raises StoreError or OSError when the store fails, and whatever bad data
        raises."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a unit was not done. ``data`` will fail again; ``store`` (files that cannot be read or written) and ``crash``
    may not. ``away`` (the store cannot be used at all), ``lost`` (what it reads is not in the store as it was written)
    and ``node`` (a machine lost, memory taken away by the system, a hand that cannot be placed) are never the unit's
    fault. ``damaged`` units were done, without the files that could not be read."""

    cause: Cause
    error: str
    traceback: str = ""


Outcome = Receipt | JobReceipt | Failure


def attempt(unit: Unit) -> Outcome:
    """Performs the unit and reports what became of it; raises nothing but the end of the process, so that bad data
    cannot take a worker along."""
    try:
        return unit.perform()
    except StoreAway as error:
        return Failure("away", str(error), traceback.format_exc())
    except AlteredArtifact as error:
        return Failure("lost", str(error), traceback.format_exc())
    except STORE_TROUBLE as error:
        return Failure("store", _said(error), traceback.format_exc())
    except MemoryError as error:
        return Failure("crash", f"out of memory: {error}", traceback.format_exc())
    except Ended:
        raise
    except (Exception, SystemExit) as error:  # whatever is raised on bad data ends this unit, not the run
        return Failure("data", _said(error), traceback.format_exc())


def _said(error: BaseException) -> str:
    """Ours are sentences; of others the kind says most."""
    return str(error) if isinstance(error, OcclabelError) else f"{type(error).__name__}: {error}"
