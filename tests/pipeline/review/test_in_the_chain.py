"""What a reviewer corrected is in the next version, stays when the votes change, and is named by the differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from chain import GRID, MadeUpReader, Voxelise

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.diff.diff import diff_versions
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.pipeline.review.correcting import Fix, fix
from occlabel.pipeline.review.queue import make_queue
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS
from occlabel.schemas.corrections import Box
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.review.stage import Corrections
from occlabel.stages.voting.stage import Registration
from occlabel.workers.store import Store

EVERYWHERE = Box(centre=(4.0, 0.0, 1.0), size=(8.0, 8.0, 4.0))


def labelled(root: Path, name: str, radius: int, corrections: Path | None) -> PublishedVersion:
    """Two logs that the car drives through."""
    voting = Registration(radius=radius, sensor="uniform", evidence=False)
    review = None if corrections is None else Corrections(path=corrections)
    stages = {"completion": Voxelise(), "voting": voting, "review": review}
    recipe = Recipe.model_validate({"grid": GRID, "taxonomy": TAXONOMIES["semantickitti"], "clip_frames": 2, **stages})
    reader = MadeUpReader(root, {"a": 4, "b": 4})
    label_logs(recipe, reader, Store(root / "store"), name, workplace=Workplace("local"), quiet=True)
    return open_version(f"{root / 'store'}@{name}")


def test_a_correction_is_in_the_next_version_whatever_the_votes_say(tmp_path: Path) -> None:
    corrections = tmp_path / "corrections"
    first = labelled(tmp_path, "v1", 1, None)
    item = next(item for item in make_queue(first).items if item.log == "a")
    names = first.space.taxonomy.names
    fix(first, item, Fix("class", "building", box=EVERYWHERE), "anna", corrections)
    second, third = labelled(tmp_path, "v2", 1, corrections), labelled(tmp_path, "v3", 3, corrections)
    free = first.space.taxonomy.free_id
    for version in (second, third):
        labels = version.frame("a", item.frame)[SEMANTICS]
        occupied = (labels != free) & (labels != 255)
        assert occupied.any() and (labels[occupied] == names.index("building")).all()
        assert (version.frame("a", item.frame)[CONFIDENCE][occupied] == 255).all()
    for frame in first.frames("b"):
        np.testing.assert_array_equal(second.frame("b", frame.name)[SEMANTICS], frame[SEMANTICS])
    found = diff_versions(first, second)
    said = " ".join(found.sentences())
    assert "review" in said and found.logs["a"].changed["semantics"] == 1 and not found.logs["b"].changed
