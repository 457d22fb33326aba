"""Models as COLMAP itself writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from occlabel.stages.geometry.stored.model import read_model


def test_what_colmap_writes_is_read_as_it_means_it(tmp_path: Path) -> None:
    pycolmap = pytest.importorskip("pycolmap", reason="the extra colmap is not installed")
    told = pycolmap.SyntheticDatasetOptions(
        num_rigs=1, num_cameras_per_rig=2, num_frames_per_rig=3, num_points3D=12, camera_params=[1280, 512, 384, 0.05]
    )
    made = pycolmap.synthesize_dataset(told)
    made.write_text(tmp_path)
    read = {image.name: image for image in read_model(tmp_path).images}
    assert set(read) == {image.name for image in made.images.values()} and len(read) == 6
    for image in made.images.values():
        found = read[image.name]
        np.testing.assert_allclose(found.world_from_camera[:3], image.cam_from_world().inverse().matrix(), atol=1e-12)
        # What our K and the lens leave over is what it says that the corner is bent by.
        corner = np.array([0.0, 0.0])
        ray = np.linalg.inv(found.lens.intrinsics) @ [*corner, 1]
        bent = made.cameras[image.camera_id].img_from_cam(ray) - 0.5
        np.testing.assert_allclose(np.linalg.norm(bent - corner), found.lens.bends, rtol=1e-6)
