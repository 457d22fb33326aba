import numpy as np
import pytest

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.version import ArrayPlace, VersionFrame, content_digest


def frame(name: str, digest: str, stage: str = "voting", fingerprint: str = "f", log: str = "00") -> VersionFrame:
    place = ArrayPlace(path=f"artifacts/{stage}/{fingerprint}/{log}/semantics", digest=digest)
    return VersionFrame(log=log, index=int(name), name=name, arrays={"semantics": place})


def test_content_digest_is_of_the_voxels_alone() -> None:
    first = [frame("1", "a"), frame("2", "b")]
    elsewhere = [frame("2", "b", fingerprint="g"), frame("1", "a", stage="completion")]
    assert content_digest(first) == content_digest(elsewhere)


def test_content_digest_changes_with_a_voxel_a_name_and_a_log() -> None:
    digest = content_digest([frame("1", "a")])
    assert len({digest, content_digest([frame("1", "c")]), content_digest([frame("2", "a")])}) == 3
    assert digest != content_digest([frame("1", "a", log="01")])


def test_a_frame_twice_is_refused() -> None:
    with pytest.raises(OcclabelError, match="twice"):
        content_digest([frame("1", "a"), frame("1", "b")])


def test_a_frame_knows_where_its_grid_was() -> None:
    pose, from_grid = np.eye(4), np.eye(4)
    pose[:3, 3], from_grid[2, 3] = (10, 5, 0), 1.8
    placed = frame("1", "a").model_copy(
        update={"world_from_ego": tuple(pose.ravel()), "ego_from_grid": tuple(from_grid.ravel())}
    )
    np.testing.assert_array_equal(placed.world_from_grid, pose @ from_grid)
    assert frame("1", "a").world_from_grid is None
