"""Segments of every kind, by checkpoints in the hub's format, through a whole recipe on Ray and into a version."""

from pathlib import Path
from typing import Any

import made_up_town as town
import numpy as np
import pytest
import tiny_glance
from chain import GRID, Smooth, Voxelise
from kept_hands import OneRay
from PIL import Image

from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import SEGMENT_CLASS, SEGMENT_INSTANCE, SEGMENT_SCORE
from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.priors.glance.segments import GlanceSegments
from occlabel.stages.priors.segments.grounded_sam import GroundedSam
from occlabel.stages.priors.segments.networks import Panoptic, Semantic
from occlabel.stages.priors.segments.stored import StoredSegments
from occlabel.stages.town.writers.kitti import write_kitti
from occlabel.workers.store import Store

pytest.importorskip("transformers")
tiny_detectors = pytest.importorskip("tiny_detectors")
tiny_segmenters = pytest.importorskip("tiny_segmenters")

FRAMES, CLIP, CAMERA = 4, 2, "image_2"
TAXONOMY = TAXONOMIES["semantickitti"]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> KittiReader:
    root, rig = tmp_path_factory.mktemp("drive"), town.rig("kitti", (CAMERA,))
    write_kitti("00", town.frames(rig, FRAMES), rig, root)
    return KittiReader(root)


KINDS = ("stored_segments", "semantic", "panoptic", "grounded_sam")
NETWORKS = ("oneformer", "eomt", "sam", "glance_segments")
"""What else the kinds load."""
TWICE = ("stored_segments", "semantic")
"""Labelled in this process as well, into the same version: a file and a network."""


@pytest.fixture(scope="module")
def kinds(reader: KittiReader, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("weights")
    [log] = reader.logs()
    for frame in log.frames:
        assert frame.cameras[0].size is not None
        width, height = frame.cameras[0].size
        Image.fromarray(np.full((height, width), 9, np.uint8)).save(folder / f"{frame.name}.png")
    networks: dict[str, Any] = {"classes": "cityscapes"}
    return {
        "stored_segments": StoredSegments(path=folder / "{frame}.png"),
        "semantic": Semantic(weights=str(tiny_segmenters.segformer(folder / "segformer")), **networks),
        "panoptic": Panoptic(
            weights=str(tiny_segmenters.mask2former(folder / "mask2former")), threshold=0.1, **networks
        ),
        "grounded_sam": GroundedSam(
            detector=str(tiny_detectors.grounding_dino(folder / "dino")),
            segmenter=str(tiny_detectors.sam2_video(folder / "sam2")),
        ),
        "oneformer": Panoptic(weights=str(tiny_segmenters.oneformer(folder / "oneformer")), threshold=0.1, **networks),
        "eomt": Semantic(weights=str(tiny_segmenters.eomt(folder / "eomt")), **networks),
        "sam": GroundedSam(detector=str(folder / "dino"), segmenter=str(tiny_detectors.sam(folder / "sam"))),
        "glance_segments": GlanceSegments(weights=tiny_glance.weights(folder / "glance.safetensors")),
    }


def recipe(segments: Any) -> Recipe:
    space = {"grid": GRID, "taxonomy": TAXONOMY, "clip_frames": CLIP}
    return Recipe.model_validate(
        {**space, "priors": {"segments": segments}, "completion": Voxelise(), "voting": Smooth()}
    )


def label(segments: Any, reader: KittiReader, store: Path, place: Workplace) -> Report:
    return label_logs(recipe(segments), reader, Store(store), "v1", workplace=place, quiet=True)


@pytest.mark.slow
@pytest.mark.usefixtures("tried_out_here")
@pytest.mark.parametrize("kind", [*KINDS, *NETWORKS])
def test_a_version_made_on_ray_holds_what_each_kind_sees(
    kind: str, kinds: dict[str, Any], reader: KittiReader, one_ray: OneRay, tmp_path: Path
) -> None:
    needs = kinds[kind].resources(recipe(kinds[kind]).space, next(reader.logs()).rig, CLIP)
    assert needs.gpus == (0 if kind == "stored_segments" else 1), "networks go to the pool of GPUs where there is one"
    report = label(kinds[kind], reader, tmp_path / "ray", one_ray)
    assert report.state == "complete"
    version = open_version(f"{tmp_path / 'ray'}@v1")
    specs = [spec.on(CAMERA) for spec in (SEGMENT_CLASS, SEGMENT_INSTANCE, SEGMENT_SCORE)]
    assert {version.info.arrays[spec.name].stage for spec in specs} == {"priors.segments"}
    [log] = reader.logs()
    for frame, published in zip(log.frames, version.frames(), strict=True):
        if kind == "stored_segments":
            assert (published[specs[0]] == 9).all() and (published[specs[2]] == 255).all()
            continue
        if kind == "glance_segments":
            assert (published[specs[0]] != UNKNOWN).any() and not published[specs[1]].any()
            continue
        [expected] = kinds[kind]._find(recipe(kinds[kind]).space, Hands())([reader.image(frame.cameras[0])])
        assert (expected.classes != UNKNOWN).any()
        for spec, array in zip(specs, (expected.classes, expected.instances, expected.scores), strict=True):
            np.testing.assert_array_equal(published[spec], array)
    if kind not in TWICE:
        return
    local = label(kinds[kind], reader, tmp_path / "local", Workplace("local"))
    assert local.info is not None and local.info.content_digest == version.info.content_digest


def test_a_licence_is_said_once_for_all_logs(kinds: dict[str, Any], tmp_path: Path) -> None:
    rig = town.rig("kitti", (CAMERA,))
    for log in ("00", "01"):
        write_kitti(log, town.frames(rig, 1), rig, tmp_path / "logs")
    folder = tiny_segmenters.segformer(tmp_path / "weights")
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    kind = kinds["semantic"].model_copy(update={"weights": str(folder)})
    plan = make_plan(recipe(kind), KittiReader(tmp_path / "logs"), Store(tmp_path / "store"))
    assert len(plan.logs) == 2
    assert [said for said in plan.cautions if "non-commercial" in said] == [
        f"the weights {folder} are under cc-by-nc-4.0: labels made with them are for non-commercial use"
    ]


def test_other_weights_are_other_segments_wherever_they_lie(
    kinds: dict[str, Any], reader: KittiReader, tmp_path: Path
) -> None:
    """The content counts, of all files of a checkpoint, and nothing else."""

    def fingerprint(folder: Path) -> str:
        kind = kinds["semantic"].model_copy(update={"weights": str(folder)})
        plan = make_plan(recipe(kind), reader, Store(tmp_path / "store"))
        return plan.logs[0].fingerprints[0]

    one, other = (tiny_segmenters.segformer(tmp_path / name) for name in ("one", "other"))
    assert fingerprint(one) == fingerprint(other)
    facts = other / "preprocessor_config.json"
    facts.write_text(facts.read_text().replace("0.485", "0.5"))
    assert fingerprint(one) != fingerprint(other)
