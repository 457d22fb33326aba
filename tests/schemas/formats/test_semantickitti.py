"""Label files of SemanticKITTI."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.formats.semantickitti import RAW_IDS, refuse_other_ids
from occlabel.schemas.taxonomy import TAXONOMIES


def test_the_ids_of_the_data_set_pass_and_others_are_named() -> None:
    ids = np.array(sorted(RAW_IDS), np.uint16)
    refuse_other_ids(ids, Path("a.label"))
    assert set(TAXONOMIES["semantickitti"].learning_map) <= RAW_IDS
    for other in (2, 260, 17770):  # 10 in the other byte order is 2560
        with pytest.raises(DamagedFile, match=f"a.label holds the id {other}, which SemanticKITTI does not have"):
            refuse_other_ids(np.append(ids, np.uint16(other)), Path("a.label"))
