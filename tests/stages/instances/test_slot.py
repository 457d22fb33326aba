"""What no kind of the slot can do: name more objects than the array has room for."""

import numpy as np
import pytest
from contract import log_of, run

from occlabel.schemas.drive_log import Frame
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.instances.touching import ConnectedComponents


def test_a_frame_with_more_objects_than_ids_is_named() -> None:
    space = LabelSpace(GRIDS["occ3d"], TAXONOMIES["occ3d"])
    semantics = np.full((2, *space.grid.shape), 17, np.uint8)
    semantics[1, ::2, ::2, ::2] = 7  # 80,000 people
    log = log_of([Frame(f"{n:06d}", n / 10, None) for n in range(2)], "07")
    sentence = r"log 07, frame 000001 has 80000 objects, .* end at 65535; raise instances.smallest"
    with pytest.raises(OcclabelError, match=sentence):
        run(ConnectedComponents(smallest=0.0), space, log, {"semantics": semantics})
    crumbs = ConnectedComponents(smallest=0.2, join_within=0.0)
    assert not run(crumbs, space, log, {"semantics": semantics})["instance"].any()
