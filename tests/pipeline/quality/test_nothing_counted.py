"""What nothing was counted of has no number: a dash on the screen, null in JSON."""

import json
from pathlib import Path

import numpy as np
from labelled_street import kitti_street, labelled
from made_up_versions import publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.stages.ingest.kitti import KittiReader


def test_confidence_of_points_of_which_none_is_labelled_occupied(tmp_path: Path) -> None:
    root = tmp_path / "logs"
    version = labelled(KittiReader(root), kitti_street(root), "semantickitti")
    shape, free = version.space.grid.shape, version.space.taxonomy.free_id
    for frame in version.kept:
        frame.arrays["semantics"][:] = free
        frame.arrays |= {"confidence": np.full(shape, 255, np.uint8), "observed": np.ones(shape, np.uint8)}
    spec = publish(version, tmp_path / "store").spec
    arguments = ["evaluate", spec, "--truth", str(root), "--format", "semantickitti", "--at", "points", "--json", "-"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    text, found = " ".join(result.stderr.split()), json.loads(result.stdout)["calibration"]
    assert "points labelled occupied is off by - points on average, on the whole by - by label: free 100.0" in text
    assert "all points (labelled occupied): passed 100.0 (-)" in text
    assert found["error"] == 1 and found["occupied"] == {"error": None, "bias": None, "voxels": 0, "curve": []}
