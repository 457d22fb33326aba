"""occlabel: drive logs in, versioned 3D occupancy labels out.

What stands in ``__all__`` is the public face: it stays, or the changelog says how it went. Everything is imported when
it is first used, so that ``import occlabel`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from occlabel._caches import settle as _settle
from occlabel._version import __version__ as __version__

_settle()

_PUBLIC = {
    "open_logs": "occlabel.stages.ingest.recognise",
    "load_recipe": "occlabel.pipeline.planning.recipe_file",
    "label_logs": "occlabel.pipeline.quality.gates.labelled",
    "open_version": "occlabel.pipeline.published.version",
    "LabelDataset": "occlabel.pipeline.published.data_set",
    "evaluate": "occlabel.pipeline.quality.evaluate",
    "compare": "occlabel.pipeline.quality.compare.compare",
    "Grid": "occlabel.schemas.grid",
    "Taxonomy": "occlabel.schemas.taxonomy",
    "LabelSpace": "occlabel.schemas.space",
    "ArraySpec": "occlabel.schemas.arrays",
    "Stage": "occlabel.schemas.stage",
    "LogReader": "occlabel.schemas.drive_log",
    "OcclabelError": "occlabel.schemas.errors",
}

__all__ = [
    "ArraySpec",
    "Grid",
    "LabelDataset",
    "LabelSpace",
    "LogReader",
    "OcclabelError",
    "Stage",
    "Taxonomy",
    "compare",
    "evaluate",
    "label_logs",
    "load_recipe",
    "open_logs",
    "open_version",
]

if TYPE_CHECKING:
    from occlabel.pipeline.planning.recipe_file import load_recipe
    from occlabel.pipeline.published.data_set import LabelDataset
    from occlabel.pipeline.published.version import open_version
    from occlabel.pipeline.quality.compare.compare import compare
    from occlabel.pipeline.quality.evaluate import evaluate
    from occlabel.pipeline.quality.gates.labelled import label_logs
    from occlabel.schemas.arrays import ArraySpec
    from occlabel.schemas.drive_log import LogReader
    from occlabel.schemas.errors import OcclabelError
    from occlabel.schemas.grid import Grid
    from occlabel.schemas.space import LabelSpace
    from occlabel.schemas.stage import Stage
    from occlabel.schemas.taxonomy import Taxonomy
    from occlabel.stages.ingest.recognise import open_logs


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'occlabel' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
