"""A version is read without its recipe, by anybody, and what is not one gets a sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.published.manifest import decode, encode
from occlabel.pipeline.published.version import manifest_of, manifest_path, open_version
from occlabel.schemas.arrays import INSTANCE, SEMANTICS
from occlabel.schemas.errors import StoreError
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.schemas.version import Provenance
from occlabel.workers.store import Store

SPACE = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """``v1`` of one frame, made by a recipe with a kind and options that no occlabel knows any more; and its truth."""
    volume = np.zeros(SPACE.grid.shape, np.uint8)
    volume[:, :, 2], volume[20:30, 100:110, 3:6] = 9, 1
    arrays = {"semantics": volume, "instance": (volume == 1).astype(np.uint16) * 7}
    publish(MadeUpVersion([MadeUpFrame("08", "000005", arrays)], SPACE), tmp_path / "store")
    truth = tmp_path / "truth/sequences/08/voxels"
    truth.mkdir(parents=True)
    (truth / "000005.label").write_bytes(SPACE.taxonomy.to_raw[volume].astype("<u2").tobytes())
    (truth / "000005.invalid").write_bytes(bytes(262144))
    store = Store(tmp_path / "store")
    found = manifest_of(store, "v1")
    assert found is not None
    gone = Provenance(code="0.9", recipe="completion: {kind: crystal_ball, clarity: 11}\nvoting: {quorum: 3}\n")
    store.put(manifest_path("v1"), encode(found[0].model_copy(update={"provenance": gone}), found[1]))
    return tmp_path / "store"


def occlabel(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    return result.exit_code, " ".join((result.output + str(result.exception or "")).split())


def test_a_recipe_that_nobody_understands_any_more_is_no_hindrance(store: Path, tmp_path: Path) -> None:
    spec = f"{store}@v1"
    code, said = occlabel("evaluate", spec, "--truth", tmp_path / "truth", "--format", "semantickitti")
    assert code == 0 and "1 frame scored at voxels" in said and "100.00" in said
    assert occlabel("export", spec, "--format", "semantickitti", "--out", tmp_path / "out")[0] == 0
    assert occlabel("view", spec, "--out", tmp_path / "v1.png")[0] == 0 and (tmp_path / "v1.png").is_file()
    assert occlabel("versions", "verify", spec) == (0, "1 frame of v1 is as published")
    assert "crystal_ball" in occlabel("versions", "show", spec)[1], "it is kept, as text"


def test_plain_zarr_and_parquet_are_enough(store: Path) -> None:
    table = pq.read_table(store / "versions/v1.parquet")
    about = json.loads(table.schema.metadata[b"occlabel"])
    names = [entry["name"] for entry in about["space"]["taxonomy"]["classes"]]
    row = table.to_pylist()[0]
    semantics = zarr.open_array(store / row["semantics"], mode="r")[row["index"]]
    assert names[semantics[0, 0, 2]] == "road" and names[semantics[25, 105, 4]] == "car"
    assert (row["log"], row["name"]) == ("08", "000005")


def test_arrays_are_read_by_their_spec(store: Path) -> None:
    frame = next(open_version(f"{store}@v1").frames())
    assert frame[SEMANTICS].dtype == np.uint8 and frame[INSTANCE].max() == 7
    assert frame.holds("semantics") and (frame["semantics"] == frame[SEMANTICS]).all()
    wrong: Any = 3
    assert not frame.holds(wrong)
    for name, said in (("semantic", "no array 'semantic'"), (wrong, "array=3: give the stored name of an array")):
        with pytest.raises(StoreError, match=said):
            frame[name]
    with pytest.raises(StoreError, match=r"no array 'depth/front', only instance, semantics"):
        frame.load("depth/front")


def test_values_that_are_not_those_that_were_published_are_not_handed_out(store: Path) -> None:
    frame = next(open_version(f"{store}@v1").frames())
    array = zarr.open_array(store / frame.row.arrays["semantics"].path, mode="r+")
    altered = array[:]
    altered[0, 3, 3, 3] = 5
    array[:] = altered
    with pytest.raises(StoreError, match="is not what was published"):
        frame.load("semantics")
    code, said = occlabel("versions", "verify", f"{store}@v1")
    assert code == 1 and "08 frame 000005: semantics" in said
    anew = "to make them anew, run {}the command that labelled them again"
    assert said.count("run ") == 1 and anew.format(f"occlabel versions verify {store}@v1 --repair, then ") in said
    code, said = occlabel("versions", "verify", f"{store}@v1", "--repair")
    assert code == 1 and said.count("run ") == 1 and anew.format("") in said


def test_the_first_layout_is_refused_with_what_to_do(store: Path, tmp_path: Path) -> None:
    old = pa.table({"log": ["a"]}).replace_schema_metadata({b"occlabel": json.dumps({"name": "v1", "code": "0.1.0"})})
    sink = pa.BufferOutputStream()
    pq.write_table(old, sink)
    with pytest.raises(StoreError, match=r"written by occlabel 0.1.0 in the first layout.*another --store"):
        decode(sink.getvalue().to_pybytes(), "v1.parquet")
    (store / "layout").unlink()
    for command in (("versions", "list", store), ("versions", "show", f"{store}@v1")):
        code, said = occlabel(*command)
        assert code == 1 and "is a store of layout 1" in said and "another --store" in said


def test_a_manifest_that_was_cut_is_named(store: Path) -> None:
    path = store / "versions/v1.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(StoreError, match=r"versions/v1.parquet is damaged or no manifest"):
        open_version(f"{store}@v1")
