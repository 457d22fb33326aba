"""Label files of SemanticKITTI."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.formats.semantickitti import RAW_IDS, other_ids
from occlabel.schemas.taxonomy import TAXONOMIES


def test_the_ids_of_the_data_set_pass_a_few_others_are_said_and_many_are_damage() -> None:
    ids = np.repeat(np.array(sorted(RAW_IDS), np.uint16), 10)
    assert other_ids(ids, Path("a.label")) is None
    assert set(TAXONOMIES["semantickitti"].learning_map) <= RAW_IDS
    said = other_ids(np.append(ids, np.array([260, 7], np.uint16)), Path("a.label"))
    assert said == "a.label holds ids that SemanticKITTI does not have (7 the first) 2 times; they are not scored"
    with pytest.raises(DamagedFile, match=r"a.label holds ids .* \(513 the first\) 300 times, of 330 labels"):
        other_ids(ids.byteswap(), Path("a.label"))
