"""Views that are known exactly fill what no camera saw, and change nothing of what one did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stage_files as given
import torch
from box_street import STREET, Thing, drive, images, photographs, seen
from contract import SPACES, run

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.depth_lifting.stage import DepthLifting
from occlabel.stages.completion.occany.asking import Asked
from occlabel.stages.completion.occany.network import Said
from occlabel.stages.completion.occany.rendering import Rendered
from occlabel.stages.completion.occany.stage import OccAnyCompletion
from occlabel.stages.completion.occany.views import Novel

SPACE = SPACES["occ3d"]
AROUND = {"radius": 0, "stride": 1}
THINGS = (*STREET[:2], Thing("car", (5, -3.5, 0), (7, -1.7, 1.5)))
"""The road behind the car is hidden from the camera."""
Labels = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found: Path = given.occany("occ3d")(tmp_path_factory.mktemp("occany"))["weights"]
    return found


@pytest.fixture
def knowing(monkeypatch: pytest.MonkeyPatch) -> list[Novel]:
    """A network that sees what is really there and takes all of it for a building; returns the views it was asked."""
    asked: list[Novel] = []
    imagine = Asked.imagine

    def watched(self: Asked, cloud: object, views: Sequence[Novel], *rest: object) -> object:
        asked.extend(views)
        self.__dict__["views"] = list(views)
        return imagine(self, cloud, views, *rest)  # type: ignore[arg-type]

    def say(self: Asked, shown: Sequence[Rendered]) -> Said:
        depth = []
        for one in shown:
            (view,) = (v for v in self.__dict__["views"] if np.allclose(one.rays, _same(one, v)))
            far, _ = seen(one.rays.reshape(-1, 3).astype(np.float64), view.ego_from_camera[:3, 3], THINGS, 0)
            depth.append(np.where(np.isfinite(far), far, 99).reshape(one.depth.shape))
        metres = torch.from_numpy(np.stack(depth)).float()
        return Said(metres, torch.full_like(metres, 5.0), None)

    monkeypatch.setattr(Asked, "imagine", watched)
    monkeypatch.setattr(Asked, "_say", say)
    building = SPACE.taxonomy.names.index("manmade")
    monkeypatch.setattr(
        Asked, "_named", lambda self, one, said, n: (np.full(one.depth.shape, building, np.uint8), one.depth < 0)
    )
    return asked


def _same(one: Rendered, view: Novel) -> np.ndarray:
    """The rays of ``one``, if it was rendered for ``view``: the middle of both looks the same way."""
    height, width = one.depth.shape
    middle = one.rays[height // 2, width // 2]
    return one.rays if middle @ view.ego_from_camera[:3, 2] > 0.99 * np.linalg.norm(middle) else one.rays + 9


def labels(stage: OccAnyCompletion | DepthLifting) -> Labels:
    log = drive(1)
    found = run(stage, SPACE, log, images(log, THINGS, SPACE.taxonomy), sensors=photographs(log, THINGS))
    return found["semantics"][0], found["confidence"][0]


def test_without_other_views_it_is_depth_lifting(weights: Path) -> None:
    plain = labels(DepthLifting(**AROUND))
    for one, other in zip(plain, labels(OccAnyCompletion(weights=weights, copies=0, **AROUND)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_no_camera_saw_is_completed_and_the_rest_stays(weights: Path, knowing: list[Novel]) -> None:
    before, sure = labels(DepthLifting(**AROUND))
    after, half = labels(OccAnyCompletion(weights=weights, copies=1, forward=4.0, turn=20.0, **AROUND))
    assert len(knowing) == 3 and [view.turned for view in knowing] == [False, True, True]
    known = before != UNKNOWN
    np.testing.assert_array_equal(before[known], after[known])
    np.testing.assert_array_equal(sure[known], half[known])
    more = ~known & (after != UNKNOWN)
    assert more.sum() > 200
    assert half[more].max() <= 128 and half[more].min() >= 1, "half as sure as what somebody saw"
    assert set(np.unique(after[more])) >= {SPACE.taxonomy.names.index("manmade"), SPACE.taxonomy.free_id}


def test_what_turned_views_see_is_named_by_what_is_beside(
    weights: Path, knowing: list[Novel], monkeypatch: pytest.MonkeyPatch
) -> None:
    import occlabel.stages.completion.occany.stage as module

    def turned(*told: Any) -> list[Novel]:
        return [Novel(view.ego_from_camera, turned=True) for view in real(*told)]

    real = module.novel_views
    monkeypatch.setattr(module, "novel_views", turned)
    before, _ = labels(DepthLifting(**AROUND))
    after, _ = labels(OccAnyCompletion(weights=weights, copies=1, **AROUND))
    more = (before == UNKNOWN) & (after != UNKNOWN)
    # The network would call the road behind the car a building; the walls are farther than 8 m to the sides.
    middle = np.abs(SPACE.grid.origin[1] + SPACE.grid.voxel_size * (np.arange(more.shape[1]) + 0.5)) < 8
    names = {SPACE.taxonomy.names[one] for one in np.unique(after[:, middle][more[:, middle]])}
    assert {"free", "driveable_surface"} <= names and "manmade" not in names


def test_depth_that_is_no_number_is_said(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def say(self: Asked, shown: Sequence[Rendered]) -> Said:
        nothing = torch.full((len(shown), *shown[0].depth.shape), float("nan"))
        return Said(nothing, nothing, None)

    monkeypatch.setattr(Asked, "_say", say)
    with pytest.raises(BadPredictions, match="no number"):
        labels(OccAnyCompletion(weights=weights, **AROUND))


def test_what_cannot_work_is_refused_in_a_sentence(weights: Path) -> None:
    stage = OccAnyCompletion(weights=weights)
    assert stage.refuse(SPACE, None) is None
    sure = stage.model_copy(update={"precision": 0.9})
    assert "asks for 0.9 of right depths" in (sure.refuse(SPACE, None) or "")
    assert "was made for the classes" in (stage.refuse(SPACES["semantickitti"], None) or "")
    lost = stage.model_copy(update={"weights": weights.with_name("none.safetensors")})
    assert "occlabel train occany" in (lost.refuse(SPACE, None) or "")
    assert "no cameras" in (stage.refuse(SPACE, Rig()) or "")
    blind = Rig(cameras=(RigCamera(name="front", extrinsics=False),))
    assert "no camera is calibrated (front)" in (stage.refuse(SPACE, blind) or "")
    six = Rig(cameras=tuple(RigCamera(name=str(n)) for n in range(6)))
    refused = (stage.model_copy(update={"radius": radius}).refuse(SPACE, six) for radius in (340, 341))
    assert [said is None for said in refused] == [True, False]
