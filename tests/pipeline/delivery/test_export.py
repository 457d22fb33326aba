"""``occlabel export``: whole versions, checked before anything is written."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from occlabel.pipeline.delivery.export import export_version
from occlabel.pipeline.quality.evaluate import evaluate_labels
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN


@dataclass
class MadeUpFrame:
    log: str
    name: str
    semantics: np.ndarray

    def load(self, array: str) -> np.ndarray:
        assert array == "semantics"
        return self.semantics


@dataclass
class MadeUpVersion:
    """What a published version shows to an export."""

    kept: list[MadeUpFrame]
    space: LabelSpace = field(default_factory=lambda: LabelSpace(GRIDS["occ3d"], TAXONOMIES["occ3d"]))
    name: str = "v1"

    def frames(self, log: str | None = None) -> list[MadeUpFrame]:
        return self.kept


def semantics(seed: int, shape: tuple[int, int, int], classes: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, shape).astype(np.uint8)


def test_what_is_exported_evaluates_as_itself(tmp_path: Path) -> None:
    volumes = [semantics(n, (200, 200, 16), 18) for n in range(2)]
    volumes[0][:, :, 0] = UNKNOWN
    version = MadeUpVersion([MadeUpFrame("scene-1", f"t{n}", volume) for n, volume in enumerate(volumes)])
    assert export_version(version, "occ3d", tmp_path / "out") == 2  # type: ignore[arg-type]
    scores = evaluate_labels(str(tmp_path / "out"), tmp_path / "out", "occ3d").scores["full"]
    assert (scores.iou, scores.miou) == (1.0, 1.0)


def test_semantickitti_with_zip(tmp_path: Path) -> None:
    space = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
    version = MadeUpVersion([MadeUpFrame("08", "000005", semantics(0, (256, 256, 32), 20))], space)
    export_version(version, "semantickitti", tmp_path / "out", zipped=True)  # type: ignore[arg-type]
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")) == [
        "sequences/08/predictions/000005.label",
        "submission.zip",
    ]


def test_nothing_is_written_where_something_is_or_when_the_tools_would_stop(tmp_path: Path) -> None:
    good = MadeUpFrame("scene-1", "t0", semantics(0, (200, 200, 16), 18))
    (tmp_path / "full").mkdir()
    (tmp_path / "full/precious").touch()
    with pytest.raises(BadPredictions, match="not an empty folder"):
        export_version(MadeUpVersion([good]), "occ3d", tmp_path / "full")  # type: ignore[arg-type]
    with pytest.raises(BadPredictions, match="200, 200, 16"):
        export_version(MadeUpVersion([good]), "semantickitti", tmp_path / "out")  # type: ignore[arg-type]
    with pytest.raises(BadPredictions, match="no frames"):
        export_version(MadeUpVersion([]), "occ3d", tmp_path / "out")  # type: ignore[arg-type]
    space = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
    volume = semantics(0, (256, 256, 32), 20)
    frames = [MadeUpFrame("08", "000000", volume), MadeUpFrame("town-8", "000000", volume)]
    with pytest.raises(BadPredictions, match="'town-8' cannot be exported"):
        export_version(MadeUpVersion(frames, space), "semantickitti", tmp_path / "out")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
