"""Grounding DINO's boxes prompt SAM and SAM 2: geometry to the pixel, thresholds, and checkpoints that cannot."""

import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from contract import SPACES, facts_of, street

from occlabel.schemas.errors import BadRecipe, BadWeights
from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.priors.segments.detection import Detector
from occlabel.stages.priors.segments.grounded_sam import GroundedSam
from occlabel.stages.priors.segments.overlaps import PixelSegments
from occlabel.stages.priors.segments.prompted import Segmenter
from occlabel.stages.priors.segments.prompts import Prompts

transformers = pytest.importorskip("transformers")
tiny = pytest.importorskip("tiny_detectors")

SPACE = SPACES["semantickitti"]
NAMES = SPACE.taxonomy.names
PICTURE = np.kron(np.random.default_rng(0).integers(0, 256, (6, 10, 3)), np.ones((8, 8, 1))).astype(np.uint8)[:46]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    every = {"dino": tiny.grounding_dino, **tiny.SEGMENTERS}
    return {name: build(tmp_path_factory.mktemp(name)) for name, build in every.items()}


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("somebody asked the network for something")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def stage_of(checkpoints: dict[str, Path], segmenter: str = "sam", **options: Any) -> GroundedSam:
    named = {"detector": str(checkpoints["dino"]), "segmenter": str(checkpoints[segmenter])}
    return GroundedSam.model_validate({**named, **options})


@pytest.mark.parametrize("segmenter", list(tiny.SEGMENTERS))
def test_each_segmenter_sees_images_of_any_size(checkpoints: dict[str, Path], segmenter: str) -> None:
    stage = stage_of(checkpoints, segmenter)
    assert stage.refuse(SPACE, None) is None
    tall = PICTURE.swapaxes(0, 1).copy()
    found = stage._find(SPACE, Hands())([PICTURE, tall])
    for image, segments in zip((PICTURE, tall), found, strict=True):
        assert segments.classes.shape == tuple(-(-side // 4) for side in image.shape[:2])
        known = segments.classes != UNKNOWN
        assert known.any() and set(segments.classes[known]) <= set(range(1, 20))
        assert (segments.scores[known] >= 76).all(), "boxes below 0.3 are left out"
        things = np.isin(segments.classes, [c.id for c in SPACE.taxonomy.classes if c.thing])
        np.testing.assert_array_equal(segments.instances > 0, things)
    [again] = stage._find(SPACE, Hands())([PICTURE])
    for name in PixelSegments.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(found[0], name))


class FillsBoxes:
    """Says that everything in a box is meant, over a grid of 256 cells."""

    def __init__(self, side: int) -> None:
        self.config = SimpleNamespace(prompt_encoder_config=SimpleNamespace(image_size=side))

    def get_image_embeddings(self, pixels: torch.Tensor) -> None:
        assert pixels.shape[-2:] == (1024, 1024)

    def __call__(self, image_embeddings: None, input_boxes: torch.Tensor, multimask_output: bool) -> SimpleNamespace:
        assert not multimask_output
        at = torch.arange(256) * 4 + 2
        left, top, right, bottom = input_boxes[0].T[..., None]
        rows = torch.minimum(at - top, bottom - at)
        columns = torch.minimum(at - left, right - at)
        return SimpleNamespace(pred_masks=torch.minimum(rows[:, :, None], columns[:, None])[None, :, None])


@pytest.mark.parametrize("size", [(375, 1242), (900, 1600), (1600, 900)])
@pytest.mark.parametrize("keeps_shape", [True, False], ids=["sam", "sam2"])
def test_what_fills_a_box_of_the_image_is_its_pixels(size: tuple[int, int], keeps_shape: bool) -> None:
    height, width = size
    draw = np.random.default_rng(0)
    low, high = draw.uniform(0.05, 0.5, (40, 2)), draw.uniform(0.55, 0.95, (40, 2))
    corners = (np.concatenate([low, high], axis=1) * [width, height, width, height]).astype(np.float32)
    image = np.zeros((height, width, 3), np.uint8)
    masks = list(Segmenter(FillsBoxes(1024), keeps_shape).masks(image, corners, Hands()))
    v, u = (np.arange(0, side, 4) + 0.5 for side in size)
    assert len(masks) == 40
    for mask, (left, top, right, bottom) in zip(masks, corners, strict=True):
        inside = ((v > top) & (v < bottom))[:, None] & (u > left) & (u < right)
        near = 0.6  # of a pixel: cells are interpolated between their centres
        clear = (np.minimum(abs(v - top), abs(v - bottom)) > near)[:, None]
        clear = clear & (np.minimum(abs(u - left), abs(u - right)) > near)
        assert (mask != inside)[clear].sum() <= 4, "more than its corners, which are rounded off"


def test_sam_is_shown_what_its_own_processor_shows_it(checkpoints: dict[str, Path]) -> None:
    processor = transformers.SamProcessor(
        transformers.AutoImageProcessor.from_pretrained(checkpoints["sam"], backend="pil")
    )
    model = transformers.SamModel.from_pretrained(checkpoints["sam"]).eval()
    boxes = np.array([[3, 4, 40, 30], [20, 10, 79, 45]], np.float32)
    ours = Segmenter(model, keeps_shape=True)
    theirs = processor(PICTURE, input_boxes=[boxes.tolist()], return_tensors="pt", input_data_format="channels_last")
    np.testing.assert_allclose(ours.input(PICTURE), theirs["pixel_values"][0].numpy(), atol=2e-3)
    with torch.inference_mode():
        said = model(
            pixel_values=theirs["pixel_values"], input_boxes=theirs["input_boxes"].float(), multimask_output=False
        )
    [masks] = processor.post_process_masks(
        said.pred_masks, theirs["original_sizes"], theirs["reshaped_input_sizes"], pad_size={"height": 64, "width": 64}
    )
    for mine, other in zip(ours.masks(PICTURE, boxes, Hands()), masks[:, 0].numpy(), strict=True):
        assert (mine == other[::4, ::4]).mean() > 0.98, "it interpolates twice, we once"


def test_no_box_is_no_segment(checkpoints: dict[str, Path]) -> None:
    [found] = stage_of(checkpoints, box_threshold=1.0)._find(SPACE, Hands())([PICTURE])
    assert (found.classes == UNKNOWN).all() and not found.scores.any()


def test_a_box_is_of_the_class_whose_words_were_read() -> None:
    ids = {"car": 1, "tree trunk": 2}
    said = {
        "boxes": torch.tensor([[-5.0, 2, 30, 90], [1, 2, 3, 4], [5, 6, 7, 8]]),
        "scores": torch.tensor([0.9, 0.5, 0.4]),
        "text_labels": ["car", "[SEP]", "trunk"],
    }
    found = Detector(None, None, {}, ids)._named(said, 80, 46)
    assert found.class_ids == (1, 2) and found.scores == pytest.approx((0.9, 0.4))
    np.testing.assert_array_equal(found.corners, [[0, 2, 30, 46], [5, 6, 7, 8]])


def test_a_prompt_that_is_too_long_is_refused_before_a_run(checkpoints: dict[str, Path]) -> None:
    words = [f"road {number}" for number in range(200)]
    stage = stage_of(checkpoints, prompts=Prompts(phrases={"road": tuple(words)}))
    with pytest.raises(BadRecipe, match=r"prompt has \d+ tokens, and .* reads 256; ask for fewer phrases"):
        stage.try_out(SPACE, Hands())


def test_what_cannot_work_is_refused_by_the_plan(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    swapped = GroundedSam(detector=str(checkpoints["sam"]), segmenter=str(checkpoints["dino"]))
    assert "a 'sam' model, and here a 'grounding-dino' model is needed" in (swapped.refuse(SPACE, None) or "")
    away = stage_of({**checkpoints, "sam": tmp_path / "away"})
    assert "away does not exist" in (away.refuse(SPACE, None) or "")
    named = GroundedSam(detector="IDEA-Research/grounding-dino-base", segmenter="facebook/sam2.1-hiera-large")
    assert "fetch it once with hf download IDEA-Research/grounding-dino-base" in (named.refuse(SPACE, None) or "")
    asked = stage_of(checkpoints, prompts={"phrases": {"tank": ["tank"]}})
    assert "name the class 'tank', which semantickitti does not have" in (asked.refuse(SPACE, None) or "")


def test_what_a_checkpoint_lacks_is_named(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    folder = tiny.grounding_dino(tmp_path)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(BadWeights, match="what says how its input is made cannot be read"):
        stage_of({**checkpoints, "dino": folder}).try_out(SPACE, Hands())


def test_a_segmenter_whose_parts_do_not_fit_is_named(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    folder = tiny.sam2_video(tmp_path)
    told = json.loads((folder / "config.json").read_text())
    for part in ({"hidden_size": 48}, {"hidden_size": "many"}):
        wrong = told | {"mask_decoder_config": told["mask_decoder_config"] | part}
        (folder / "config.json").write_text(json.dumps(wrong))
        with pytest.raises(BadWeights, match=r"does not hold the weights|cannot be loaded"):
            stage_of({**checkpoints, "sam2_video": folder}, "sam2_video").try_out(SPACE, Hands())


def test_both_files_and_both_licences_count(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    folder = tiny.sam2(tmp_path)
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    stage = stage_of({**checkpoints, "sam2": folder}, "sam2")
    weights = {path for path in stage.files(SPACE) if path.suffix == ".safetensors"}
    assert weights == {checkpoints["dino"] / "model.safetensors", folder / "model.safetensors"}
    said = stage.doubts(SPACE, facts_of(street()[0])) or ""
    assert f"the weights {folder} are under cc-by-nc-4.0" in said and str(checkpoints["dino"]) not in said
