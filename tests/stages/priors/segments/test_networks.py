"""Segmentation networks in the hub's format see images, and checkpoints that cannot are refused by name."""

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from contract import BLIND, SPACES, facts_of, run, street

from occlabel.schemas.errors import BadLog, BadWeights
from occlabel.schemas.rig import Rig
from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.learning.foundation import checkpoint, licence_of, restriction
from occlabel.stages.priors.segments import segmentation
from occlabel.stages.priors.segments.class_tables import ClassTable
from occlabel.stages.priors.segments.networks import Panoptic, Semantic
from occlabel.stages.priors.segments.overlaps import PixelSegments

transformers = pytest.importorskip("transformers")
tiny = pytest.importorskip("tiny_segmenters")

SPACE = SPACES["semantickitti"]
PICTURE = np.kron(np.random.default_rng(0).integers(0, 256, (6, 10, 3)), np.ones((8, 8, 1))).astype(np.uint8)[:46]
"""Of the street's size."""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: build(tmp_path_factory.mktemp(name)) for name, build in tiny.EVERY.items()}


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("somebody asked the network for something")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def stage_of(kind: type[Panoptic] | type[Semantic], folder: Path, **options: Any) -> Panoptic | Semantic:
    more = {"threshold": 0.3} if kind is Panoptic else {}
    return kind.model_validate({"weights": str(folder), "classes": "cityscapes", **more, **options})


def seen(stage: Panoptic | Semantic, *images: np.ndarray) -> list[PixelSegments]:
    return list(stage._find(SPACE, Hands())(images))


def same(one: PixelSegments, other: PixelSegments) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("classes", "instances", "scores"))


def allowed(name: str) -> list[type[Panoptic] | type[Semantic]]:
    return [Semantic] if name in ("segformer", "eomt_in_parts") else [Panoptic, Semantic]


KINDS = [pytest.param(name, kind, id=f"{name}-{kind.__name__}") for name in tiny.EVERY for kind in allowed(name)]


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_each_network_sees_images_of_any_size(checkpoints: dict[str, Path], name: str, kind: type[Panoptic]) -> None:
    stage = stage_of(kind, checkpoints[name])
    assert stage.refuse(SPACE, None) is None
    tall, wide = PICTURE.swapaxes(0, 1).copy(), np.tile(PICTURE, (1, 3, 1))
    found = seen(stage, PICTURE, tall, wide)
    for image, segments in zip((PICTURE, tall, wide), found, strict=True):
        shape = tuple(-(-side // 4) for side in image.shape[:2])
        assert segments.classes.shape == segments.instances.shape == segments.scores.shape == shape
        known = segments.classes != UNKNOWN
        assert (segments.classes[known] < 20).all() and not segments.scores[~known].any()
        assert not segments.instances[~known].any()
    [alone] = seen(stage, PICTURE)
    assert same(alone, found[0])


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_images_that_are_looked_at_together_are_seen_as_alone(
    checkpoints: dict[str, Path], name: str, kind: type[Panoptic]
) -> None:
    """But for rounding, which may move a border."""
    stage = stage_of(kind, checkpoints[name])
    images = [np.roll(PICTURE, shift, axis=1) for shift in (0, 13, 40)]
    for together, image in zip(seen(stage, *images), images, strict=True):
        [alone] = seen(stage, image)
        assert (together.classes == alone.classes).mean() > 0.99
        assert (together.instances == alone.instances).mean() > 0.99


def test_segformer_says_what_its_own_processor_makes_of_it(checkpoints: dict[str, Path]) -> None:
    """With a class for each label, so that nothing is taken together."""
    table = ClassTable(labels=dict(zip(tiny.CITYSCAPES, TAXONOMIES["semantickitti"].names[1:], strict=True)))
    [ours] = seen(stage_of(Semantic, checkpoints["segformer"], classes=table), PICTURE)
    folder = checkpoints["segformer"]
    model = transformers.SegformerForSemanticSegmentation.from_pretrained(folder).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    with torch.inference_mode():
        said = model(**processor(PICTURE, return_tensors="pt", input_data_format="channels_last"))
    [theirs] = processor.post_process_semantic_segmentation(said, target_sizes=[PICTURE.shape[:2]])
    np.testing.assert_array_equal(ours.classes, theirs.numpy()[::4, ::4] + 1)


def test_eomt_in_parts_says_what_its_own_processor_makes_of_it(checkpoints: dict[str, Path]) -> None:
    table = ClassTable(labels=dict(zip(tiny.CITYSCAPES, TAXONOMIES["semantickitti"].names[1:], strict=True)))
    image = np.tile(PICTURE, (1, 2, 1))
    [ours] = seen(stage_of(Semantic, checkpoints["eomt_in_parts"], classes=table), image)
    model = transformers.EomtForUniversalSegmentation.from_pretrained(checkpoints["eomt_in_parts"]).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(checkpoints["eomt_in_parts"], backend="pil")
    with torch.inference_mode():
        said = model(**processor(image, return_tensors="pt", input_data_format="channels_last"))
    [theirs] = processor.post_process_semantic_segmentation(
        said, target_sizes=[image.shape[:2]], size={"shortest_edge": 64, "longest_edge": None}
    )
    assert (ours.classes == theirs.numpy()[::4, ::4] + 1).mean() > 0.95, "it interpolates twice, we once"


def test_oneformer_is_told_its_task(checkpoints: dict[str, Path]) -> None:
    found = checkpoint(str(checkpoints["oneformer"]))
    tokens = {task: segmentation.loaded(found, task, Hands()).task for task in ("panoptic", "semantic")}
    vocabulary = json.loads((checkpoints["oneformer"] / "vocab.json").read_text())
    pieces = {index: piece for piece, index in vocabulary.items()}
    for task, ids in tokens.items():
        assert ids.shape == (1, 77)
        words = "".join(pieces[int(index)] for index in ids[0, : len("thetaskis") + len(task) + 2])
        assert words == f"<|startoftext|>the</w>task</w>is</w>{task}</w><|endoftext|>"
        assert not ids[0, len("thetaskis") + len(task) + 2 :].any()


def test_a_picture_of_one_colour_and_one_that_cannot_be_read_show_nothing(checkpoints: dict[str, Path]) -> None:
    log, sensors = street()
    for name, image in sensors.images.items():
        image = np.random.default_rng(1).integers(0, 256, image.shape).astype(np.uint8)
        sensors.images[name] = image if name.endswith("1") else np.zeros_like(image)  # type: ignore[index]
    found = run(stage_of(Semantic, checkpoints["segformer"]), SPACE, log, sensors=sensors)
    for camera in ("front", "back"):
        silent = (found[f"segment_class/{camera}"] == UNKNOWN).all(axis=(1, 2))
        assert silent.tolist() == [index != 1 for index in range(6)] and silent[BLIND]
        assert not found[f"segment_score/{camera}"][silent].any()


def test_an_image_of_another_size_is_named(checkpoints: dict[str, Path]) -> None:
    log, sensors = street()
    for name, image in sensors.images.items():
        sensors.images[name] = image[:40]  # type: ignore[index]
    with pytest.raises(BadLog, match="frame 000000: the image of front has 80x40 pixels, those of the log 80x46"):
        run(stage_of(Semantic, checkpoints["segformer"]), SPACE, log, sensors=sensors)


def broken(folder: Path, **facts: Any) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **facts}))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"id2label": {"0": "cat", "1": "dog"}}, "lacks 2 of the 2 labels of the model: 'cat', 'dog'"),
        ({"id2label": {**tiny.LABELS["id2label"], 19: "drone"}}, "lacks 1 of the 20 labels of the model: 'drone'"),
        ({"id2label": None}, "names no labels"),
        ({"model_type": "bert"}, "is a 'bert' model, and here a 'segformer'"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused_by_the_plan(
    tmp_path: Path, facts: dict[str, Any], said: str
) -> None:
    broken(tiny.segformer(tmp_path), **facts)
    assert said in (stage_of(Semantic, tmp_path).refuse(SPACE, None) or "")


def test_a_checkpoint_that_is_missing_or_damaged_is_refused(tmp_path: Path) -> None:
    away = stage_of(Semantic, tmp_path / "nowhere")
    assert "does not exist" in (away.refuse(SPACE, None) or "")
    named = Semantic(weights="nvidia/segformer-b5-finetuned-cityscapes-1024-1024", classes="cityscapes")
    assert "fetch it once with hf download nvidia/segformer-b5" in (named.refuse(SPACE, None) or "")
    folder = tiny.segformer(tmp_path / "a")
    stage = stage_of(Semantic, folder)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(BadWeights, match="what says how its input is made cannot be read"):
        stage.try_out(SPACE, Hands())
    broken(tiny.segformer(tmp_path / "b"), decoder_hidden_size=32)
    with pytest.raises(BadWeights, match="tensors are missing or of another shape"):
        stage_of(Semantic, tmp_path / "b").try_out(SPACE, Hands())
    whole = (tmp_path / "b/model.safetensors").read_bytes()
    (tmp_path / "b/model.safetensors").write_bytes(whole[:-100])
    assert "it was cut or overwritten" in (stage_of(Semantic, tmp_path / "b").refuse(SPACE, None) or "")


def test_what_cannot_show_objects_is_said_before_a_run(checkpoints: dict[str, Path]) -> None:
    said = stage_of(Panoptic, checkpoints["segformer"]).refuse(SPACE, None) or ""
    assert "is a 'segformer' model, and here a 'mask2former' or 'oneformer' or 'eomt' model is needed" in said
    with pytest.raises(BadWeights, match=r"looks at an image in parts.*use kind: semantic"):
        stage_of(Panoptic, checkpoints["eomt_in_parts"]).try_out(SPACE, Hands())
    assert stage_of(Semantic, checkpoints["eomt"]).refuse(SPACE, Rig()) == "the log has no cameras"


def test_the_plan_names_a_licence_that_is_not_for_everything(tmp_path: Path) -> None:
    stage = stage_of(Semantic, tiny.segformer(tmp_path))
    assert stage.doubts(SPACE, facts_of(street()[0])) is None
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    assert "are for non-commercial use" in (stage.doubts(SPACE, facts_of(street()[0])) or "")
    assert not any(path.name == "README.md" for path in stage.files(SPACE)), "it decides nothing"


def test_licences_that_are_known_by_name_need_no_card() -> None:
    named = Semantic(weights="nvidia/segformer-b5-finetuned-cityscapes-1024-1024", classes="cityscapes")
    assert "are for non-commercial use" in (named.doubts(SPACE, facts_of(street()[0])) or "")
    free = ("IDEA-Research/grounding-dino-base", "facebook/sam2.1-hiera-large", "facebook/sam-vit-huge")
    assert [restriction(name) for name in free] == [None] * 3
    assert [licence_of(name) for name in free] == ["apache-2.0"] * 3
