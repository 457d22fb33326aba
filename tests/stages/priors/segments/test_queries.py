"""What networks say becomes segments as their authors make it, with the labels of one class taken together."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from occlabel.schemas.taxonomy import UNKNOWN, LabelClass, Taxonomy
from occlabel.stages.priors.segments.queries import Meaning, by_pixel, panoptic, semantic

transformers = pytest.importorskip("transformers")

NAMES = "free car person road tree sign"
TAXONOMY = Taxonomy(
    name="few",
    free_id=0,
    classes=tuple(
        LabelClass(id=index, name=name, colour=(index, 0, 0), thing=name in ("car", "person"))
        for index, name in enumerate(NAMES.split())
    ),
)
CAR, PERSON, ROAD, TREE, SIGN = range(1, 6)
PLAIN = Meaning(TAXONOMY, (0, CAR, PERSON, ROAD, TREE, SIGN))
"""Each label is a class."""


def as_it_is(masks: torch.Tensor) -> torch.Tensor:
    return masks


def said(seed: int, size: tuple[int, int], queries: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    """Discs that overlap here and there, and classes, some of them sure: [q, labels + 1], [q, v, u]."""
    draw = torch.Generator().manual_seed(seed)
    centre = torch.rand(queries, 2, 1, 1, generator=draw)
    radius = 0.05 + 0.2 * torch.rand(queries, 1, 1, generator=draw)
    v, u = torch.linspace(0, 1, size[0])[:, None], torch.linspace(0, 1, size[1])
    masks = 40 * (radius - ((centre[:, 0] - v) ** 2 + (centre[:, 1] - u) ** 2).sqrt())
    return torch.randn(queries, 7, generator=draw) * 5, masks


@pytest.mark.parametrize("seed", range(5))
def test_panoptic_inference_is_that_of_the_authors(seed: int) -> None:
    classes, masks = said(seed, (48, 64))
    processor = transformers.EomtImageProcessorPil(size={"shortest_edge": 48, "longest_edge": 64})
    outputs = SimpleNamespace(class_queries_logits=classes[None], masks_queries_logits=masks[None])
    [theirs] = processor.post_process_panoptic_segmentation(
        outputs, [(48, 64)], threshold=0.8, stuff_classes=[0, ROAD, TREE, SIGN]
    )
    expected = np.full((48, 64), UNKNOWN)
    numbers = theirs["segmentation"].numpy()
    for segment in theirs["segments_info"]:
        expected[numbers == segment["id"]] = segment["label_id"]
    assert len(theirs["segments_info"]) > 3, "it would say nothing"
    ours = panoptic(classes, masks, as_it_is, 0.8, PLAIN)
    np.testing.assert_array_equal(ours.classes, expected)
    things = np.isin(expected, (CAR, PERSON))
    pairs = set(zip(numbers[things].tolist(), ours.instances[things].tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}), "other objects"
    assert not ours.instances[~things].any()


@pytest.mark.parametrize("seed", range(3))
def test_semantic_inference_is_that_of_the_authors(seed: int) -> None:
    classes, masks = said(seed, (384, 384))
    outputs = SimpleNamespace(class_queries_logits=classes[None], masks_queries_logits=masks[None])
    [theirs] = transformers.Mask2FormerImageProcessorPil().post_process_semantic_segmentation(outputs)
    ours = semantic(by_pixel(classes, masks), PLAIN)
    assert (ours.classes == theirs.numpy()).mean() > 0.9999, "but for ties within rounding"


def test_labels_of_one_class_are_sure_together() -> None:
    """Neither a sign's front nor its back is likely, that it is a sign is."""
    meaning = Meaning(TAXONOMY, (SIGN, SIGN, ROAD, UNKNOWN))
    classes = torch.tensor([[0.45, 0.45, 0.06, 0.02, 0.02]]).log()
    masks = torch.full((1, 4, 4), 5.0)
    found = panoptic(classes, masks, as_it_is, 0.8, meaning)
    assert (found.classes == SIGN).all() and (abs(found.scores / 255 - 0.9) < 0.005).all()
    pixels = torch.tensor([0.3, 0.3, 0.39, 0.01]).reshape(4, 1, 1)
    assert semantic(pixels, meaning).classes.item() == SIGN


def test_what_is_no_class_keeps_its_pixels() -> None:
    """A sky that is surer than the tree before it is not called a tree."""
    meaning = Meaning(TAXONOMY, (TREE, UNKNOWN))
    classes = torch.tensor([[0.85, 0.1, 0.05], [0.01, 0.98, 0.01]]).log()
    masks = torch.full((2, 10, 10), -9.0)
    masks[0, :, :] = 3.0
    masks[1, 9:, :] = 3.0
    found = panoptic(classes, masks, as_it_is, 0.8, meaning)
    assert (found.classes[:9] == TREE).all()
    assert (found.classes[9:] == UNKNOWN).all() and not found.scores[9:].any()
    assert semantic(torch.tensor([0.4, 0.6]).reshape(2, 1, 1), meaning).classes.item() == UNKNOWN


def test_a_leftover_of_better_segments_is_no_segment() -> None:
    classes = torch.full((2, 7), -9.0)
    classes[0, CAR], classes[1, ROAD] = 9.0, 8.0
    masks = torch.full((2, 10, 10), -9.0)
    masks[0, :, :7], masks[1, :, :] = 9.0, 2.0
    found = panoptic(classes, masks, as_it_is, 0.8, PLAIN)
    assert (found.classes[:, :7] == CAR).all() and (found.classes[:, 7:] == UNKNOWN).all()


def test_a_network_that_is_sure_of_nothing_says_nothing() -> None:
    found = panoptic(torch.zeros(4, 7), torch.zeros(4, 6, 8), as_it_is, 0.8, PLAIN)
    assert (found.classes == UNKNOWN).all() and found.classes.shape == (6, 8)
