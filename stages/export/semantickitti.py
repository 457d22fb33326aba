"""The submission tree of SemanticKITTI scene completion: ``sequences/XX/predictions/NNNNNN.label``.

Volumes are uint16 raw ids [256, 256, 32]; the format has no unknown, so UNKNOWN becomes empty (raw 0). The official
tools take the raw ids of the inverse learning map only, and look for names of two and six digits.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.formats.semantickitti import SHAPE, write_volume
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset

COMPLETION_STEP = 5
"""The benchmark of scene completion asks for every so many frames: those whose number is a multiple of it."""
TEST_SEQUENCES = tuple(f"{number:02d}" for number in range(11, 22))
"""The official checker wants a folder of each."""

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # of all entries of a zip, so that equal labels give equal bytes


def refuse_name(log: str, name: str) -> None:
    """Raises BadPredictions unless the official tools would find this frame."""
    if not re.fullmatch(r"\d{2}", log):
        raise BadPredictions(
            f"log {log!r} cannot be exported as semantickitti: its tools look for sequences of two digits, 00 to 99: "
            "rename the folder of the log, and label it again"
        )
    if not re.fullmatch(r"\d{6}", name):
        raise BadPredictions(
            f"log {log}, frame {name!r} cannot be exported as semantickitti: its tools look for names of six digits: "
            "rename the scans, as 000042.bin, and label the log again"
        )


def write_frame(root: Path, log: str, name: str, semantics: NDArray[np.uint8]) -> Path:
    """Writes class ids [256, 256, 32] of one frame and returns the file. Raises BadPredictions."""
    refuse_name(log, name)
    taxonomy = taxonomy_preset("semantickitti")
    if semantics.shape != SHAPE:
        raise BadPredictions(
            f"log {log}, frame {name} has {list(semantics.shape)} voxels, semantickitti has {list(SHAPE)}"
        )
    strange = np.unique(semantics[(semantics >= len(taxonomy.classes)) & (semantics != UNKNOWN)])
    if strange.size:
        raise BadPredictions(f"log {log}, frame {name} has the ids {strange.tolist()}, which have no raw id")
    path = root / "sequences" / log / "predictions" / f"{name}.label"
    with appearing(path) as partial:
        write_volume(partial, taxonomy.to_raw[semantics])
    return path


def sequences_lacking(logs: set[str]) -> str:
    """What is said of test sequences that a submission of ``logs`` lacks; nothing of one that has no test sequence."""
    lacking = [log for log in TEST_SEQUENCES if log not in logs]
    if not lacking or not logs.intersection(TEST_SEQUENCES):
        return ""
    return f"; the server asks for sequences 11 to 21, and there are no labels of {', '.join(lacking)}"


def write_zip(root: Path, path: Path) -> None:
    """Packs the tree under ``root`` as a submission. The official checker asks for entries of the folders too."""
    files = sorted((root / "sequences").glob("*/predictions/*.label"))
    logs = sorted({file.parent.parent.name for file in files})
    folders = ["sequences/", *(f"sequences/{log}/{part}" for log in logs for part in ("", "predictions/"))]
    with appearing(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for folder in folders:
            archive.writestr(zipfile.ZipInfo(folder, _LONG_AGO), b"", zipfile.ZIP_STORED)
        for file in files:
            entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), _LONG_AGO)
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
