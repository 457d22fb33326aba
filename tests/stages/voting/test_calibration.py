"""What a margin is worth: fitted to counts, kept in a file, refused when it is another's."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.voting.calibration import Tally, find, fit, load

SPACE = LabelSpace(GRIDS["occ3d"], TAXONOMIES["occ3d"])


def drawn(chance_of: dict[int, float], voxels: int = 60_000) -> Tally:
    """Voxels whose chance of being right is margin ** power, with a power for each class."""
    draw = np.random.default_rng(0)
    tally = Tally.empty(len(SPACE.taxonomy.classes))
    for class_id, power in chance_of.items():
        margin = draw.integers(0, 256, voxels).astype(np.uint8)
        right = draw.random(voxels) < (margin / 255) ** power
        tally.add(np.full(voxels, class_id, np.uint8), margin, right)
    return tally


def test_confidence_becomes_the_chance_of_being_right() -> None:
    calibration = fit(drawn({4: 2.0, 17: 0.3}), SPACE.taxonomy.names)
    margin = np.arange(256, dtype=np.uint8)
    for class_id, power in ((4, 2.0), (17, 0.3)):
        found = calibration.confidence(np.full(256, class_id, np.uint8), margin) / 255
        assert np.abs(found - (margin / 255) ** power)[16:].max() < 0.05
        assert (np.diff(found) >= 0).all()


def test_a_class_without_voxels_leans_on_the_others() -> None:
    calibration = fit(drawn({4: 1.0}), SPACE.taxonomy.names)
    margin = np.arange(256, dtype=np.uint8)
    found = calibration.confidence(np.full(256, 9, np.uint8), margin) / 255
    assert np.abs(found - margin / 255).max() < 0.05


def test_labels_that_are_no_class_do_not_count() -> None:
    tally = Tally.empty(3)
    tally.add(np.array([0, 2, 3, 255], np.uint8), np.array([10, 20, 30, 40], np.uint8), np.array([1, 0, 1, 1], bool))
    assert tally.counts.sum() == 2
    assert tally.counts[0, 10, 1] == tally.counts[2, 20, 0] == 1


def test_a_file_gives_the_same_table_again(tmp_path: Path) -> None:
    calibration, path = fit(drawn({4: 2.0, 17: 0.3}), SPACE.taxonomy.names), tmp_path / "c.json"
    calibration.save(path, {"fitted to": "a test"})
    again = load(str(path), SPACE)
    assert np.abs(again.table.astype(int) - calibration.table).max() <= 1
    again.save(tmp_path / "d.json", {"fitted to": "a test"})
    assert path.read_bytes() == (tmp_path / "d.json").read_bytes()


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="there is no file nowhere"):
        find("nowhere.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(BadRecipe, match="is not a calibration"):
        load(str(tmp_path / "broken.json"), SPACE)
    fit(Tally.empty(20), TAXONOMIES["semantickitti"].names).save(tmp_path / "other.json", {})
    with pytest.raises(BadRecipe, match="is for the classes"):
        load(str(tmp_path / "other.json"), SPACE)


@pytest.mark.parametrize(("name", "preset"), [("semantickitti_lidar", "semantickitti"), ("nuscenes_lidar", "occ3d")])
def test_shipped_calibrations_rise_with_the_margin(name: str, preset: str) -> None:
    space = LabelSpace(GRIDS[preset], TAXONOMIES[preset])
    calibration = load(name, space)
    assert (np.diff(calibration.table.astype(int), axis=1) >= 0).all()
    assert (calibration.table[space.taxonomy.free_id, 255]) > 240
