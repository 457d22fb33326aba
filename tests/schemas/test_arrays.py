"""Arrays with named dimensions: how they resolve, what they refuse, and that they survive JSON."""

import json

import numpy as np
import pytest

from occlabel.schemas.arrays import (
    CONFIDENCE,
    DEPTH,
    EXTRINSICS,
    INTRINSICS,
    POSES,
    SEGMENT_CLASS,
    SEGMENTS,
    SEMANTICS,
    TRACKS,
    ArraySpec,
    Extent,
    family,
    resolved,
)
from occlabel.schemas.errors import BadLog, OcclabelError
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.rig import Rig, RigCamera

RIG = Rig(cameras=(RigCamera(name="front", size=(1242, 375)), RigCamera(name="rear")), lidar=True)
EXTENT = Extent(5, GRIDS["occ3d"], RIG)


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (SEMANTICS, (5, 200, 200, 16)),
        (TRACKS, (5,)),
        (POSES, (5, 4, 4)),
        (INTRINSICS, (5, 2, 3, 3)),
        (EXTRINSICS, (5, 2, 4, 4)),
        (DEPTH.on("front"), (5, 94, 311)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_named_dimensions_resolve_against_frames_grid_and_rig(spec: ArraySpec, shape: tuple[int, ...]) -> None:
    assert EXTENT.shape(spec) == shape
    assert EXTENT.nbytes(spec) == np.prod(shape) * spec.dtype.itemsize
    empty = spec.empty(EXTENT)
    spec.check(empty, EXTENT)
    assert np.isnan(empty).all() if np.isnan(spec.fill) else (empty == spec.fill).all()


def test_an_array_over_images_is_one_a_camera() -> None:
    assert [spec.name for spec in resolved([POSES, DEPTH], RIG)] == ["poses", "depth/front", "depth/rear"]
    assert family("depth/front") == "depth"
    with pytest.raises(OcclabelError, match="one array a camera"):
        EXTENT.shape(DEPTH)
    with pytest.raises(OcclabelError, match="size of the images of rear is not known"):
        EXTENT.shape(DEPTH.on("rear"))
    with pytest.raises(BadLog, match="no camera 'left'; there is front, rear"):
        EXTENT.shape(DEPTH.on("left"))


@pytest.mark.parametrize("spec", [SEMANTICS, TRACKS, POSES, DEPTH.on("front")], ids=lambda spec: spec.name)
def test_a_version_can_write_a_spec_down_and_read_it_again(spec: ArraySpec) -> None:
    facts = json.loads(json.dumps({**spec.facts(), "said by a later occlabel": 1}))
    again = ArraySpec.from_facts(facts)
    assert again.facts() == spec.facts()
    assert again.dtype == spec.dtype and again.dims == spec.dims


def test_what_breaks_the_contract_is_named() -> None:
    with pytest.raises(OcclabelError, match=r"'semantics' is int64\[5, 200, 200, 16\], declared uint8"):
        SEMANTICS.check(np.zeros((5, 200, 200, 16), np.int64), EXTENT)


def test_an_id_that_is_no_class_breaks_the_contract() -> None:
    ids = np.zeros((2, 3, 3, 3), np.uint8)
    ids[0, 0], ids[1, 2] = 17, 255
    SEMANTICS.check_classes(ids, 18)
    SEMANTICS.check_classes(ids[:0], 18)
    ids[1, 0, 2, 1] = 18
    with pytest.raises(OcclabelError, match=r"'semantics' holds 18 at \[1, 0, 2, 1\], classes are 0\.\.17 and 255 is"):
        SEMANTICS.check_classes(ids, 18)
    CONFIDENCE.check_classes(ids, 18)
    with pytest.raises(OcclabelError, match=r"'segment_class/front' holds 254 at \[0, 1, 0\]"):
        SEGMENT_CLASS.on("front").check_classes(np.array([[[1], [254]]], np.uint8), 18)


def test_what_is_seen_in_an_image_lies_over_the_pixels_of_its_depth() -> None:
    specs = resolved(SEGMENTS, RIG)
    assert [spec.name for spec in specs[:3]] == ["segment_class/front", "segment_class/rear", "segment_instance/front"]
    on_front = [spec for spec in specs if spec.camera == "front"]
    assert {EXTENT.shape(spec) for spec in on_front} == {EXTENT.shape(DEPTH.on("front"))}
    missing = {family(spec.name): spec.empty(EXTENT)[0, 0, 0] for spec in on_front}
    assert missing == {"segment_class": 255, "segment_instance": 0, "segment_score": 0}
