"""What cannot be read of a store is a sentence that names it, also where single frames are read past zarr."""

from pathlib import Path

import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish

from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.errors import StoreError
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.workers.chunks import FrameReader

SPACE = LabelSpace(Grid(origin=(0, 0, 0), voxel_size=1, shape=(4, 4, 4), frame="lidar"), TAXONOMIES["semantickitti"])


@pytest.mark.parametrize("below", ["c/0/0/0/0", "zarr.json"])
@pytest.mark.parametrize("before", [False, True], ids=["never read", "read before"])
def test_a_folder_where_a_file_belongs_is_named(tmp_path: Path, below: str, before: bool) -> None:
    arrays = {"semantics": np.full(SPACE.grid.shape, 9, np.uint8)}
    version = publish(MadeUpVersion([MadeUpFrame("00", "000000", arrays)], SPACE), tmp_path / "store")
    frame = next(version.frames())
    reader, place = FrameReader(version.store), frame.row.arrays["semantics"]
    if before:
        assert (reader.read(0, [place])[0] == 9).all()
    file = tmp_path / "store" / place.path / below
    file.unlink()
    file.mkdir()
    if not (before and below == "zarr.json"):  # that it does not read again
        with pytest.raises(StoreError, match=rf"semantics/{below} is a folder where a file belongs: remove it"):
            reader.read(0, [place])
    with pytest.raises(StoreError, match="semantics"):
        frame[SEMANTICS]
