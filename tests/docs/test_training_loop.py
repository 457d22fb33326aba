"""The training loop of ``docs/reading.md`` runs as it stands there, and learns."""

from __future__ import annotations

import re
from pathlib import Path

import kitti_sequence
import numpy as np
import pytest
import torch
from made_up_versions import MadeUpFrame, MadeUpVersion, publish

from occlabel.pipeline.published.splits import split_of
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.ingest.kitti import KittiReader

PAGE = Path(__file__).parents[2] / "docs/reading.md"
SPACE = LabelSpace(
    Grid(origin=(0, -12, -3), voxel_size=1, shape=(24, 24, 6), frame="lidar"), TAXONOMIES["semantickitti"]
)
ROAD, BUILDING = (SPACE.taxonomy.names.index(name) for name in ("road", "building"))


def sweep_of_a_street(seed: int) -> np.ndarray:
    """[n, 4]: a road, and a wall somewhere across it."""
    rng = np.random.default_rng(seed)
    road = np.column_stack([rng.uniform(0, 24, 600), rng.uniform(-12, 12, 600), np.full(600, -1.7)])
    wall = np.column_stack([np.full(300, rng.uniform(8, 20)), rng.uniform(-12, 12, 300), rng.uniform(-1, 2, 300)])
    return np.column_stack([np.vstack([road, wall]), np.full(900, 0.5)]).astype(np.float32)


def labels_of(points: np.ndarray) -> dict[str, np.ndarray]:
    """What a sweep hits is road below -1 m and building above, all else is free; the last columns are unknown."""
    semantics = np.full(SPACE.grid.shape, SPACE.taxonomy.free_id, np.uint8)
    cells, inside = SPACE.grid.cells(points)
    for x, y, z in cells[inside]:
        semantics[x, y, z] = ROAD if z < 2 else BUILDING
    semantics[:, -2:] = UNKNOWN
    return {"semantics": semantics, "confidence": np.where(semantics == UNKNOWN, 0, 230).astype(np.uint8)}


def test_it_runs_and_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = KittiReader(kitti_sequence.written(tmp_path / "LOGS", frames=4))
    assert split_of("00") == "train"
    log = kitti_sequence.only(reader.root)
    for n, path in enumerate(sorted(reader.root.rglob("*.bin"))):
        sweep_of_a_street(n).tofile(path)
    sweeps = [frame.sweep for frame in log.frames if frame.sweep is not None]
    frames = [MadeUpFrame("00", f"{n:06d}", labels_of(reader.points(sweep)), n) for n, sweep in enumerate(sweeps)]
    publish(MadeUpVersion(frames, SPACE), tmp_path / "STORE")
    monkeypatch.chdir(tmp_path)
    (code,) = (code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "torch" in code)
    torch.manual_seed(0)
    names: dict[str, object] = {}
    exec(compile(code, "docs/reading.md", "exec"), names)
    losses = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert len(losses) == 20 and losses[-1] < 0.1 * losses[0]
    model, dataset = names["model"], names["train"]
    assert isinstance(model, torch.nn.Module)
    hits, semantics, _ = names["batch"]([dataset[0]])  # type: ignore[operator,index]
    found = model(hits).argmax(dim=1)
    known = semantics != UNKNOWN
    for label in (ROAD, BUILDING):
        both = ((found == label) & (semantics == label) & known).sum()
        either = (((found == label) | (semantics == label)) & known).sum()
        assert both / either > 0.8
