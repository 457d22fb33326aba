import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from chain import GRID
from obstore.exceptions import BaseError

from occlabel.schemas.arrays import CONFIDENCE, INSTANCE, SEMANTICS, ArraySpec, Codec, Extent
from occlabel.schemas.errors import AlteredArtifact, StoreDenied, StoreError
from occlabel.schemas.stage import Clip
from occlabel.schemas.version import ArrayPlace
from occlabel.workers.artifact import Artifact, frame_digests
from occlabel.workers.chunks import FrameReader
from occlabel.workers.store import Store, safe_name


def test_of_many_creators_one_wins(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert [store.create("a/b", content) for content in (b"1", b"2")] == [True, False]
    assert store.get("a/b") == b"1"
    assert store.get("a/c") is None


def test_a_store_pickles_as_its_location(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("x", b"1")
    assert pickle.loads(pickle.dumps(store)).get("x") == b"1"


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a b", "é"])
def test_names_that_could_leave_the_store_are_refused(name: str) -> None:
    with pytest.raises(StoreError, match="cannot be a name"):
        safe_name(name, "log id")


def test_anybody_can_open_an_artifact_with_plain_zarr(tmp_path: Path) -> None:
    artifact = Artifact(Store(tmp_path), "voting", "f00", "log")
    artifact.create((SEMANTICS,), Extent(6, GRID), clip_frames=4)
    artifact.create((SEMANTICS,), Extent(6, GRID), clip_frames=4)  # a second worker does the same
    labels = np.random.default_rng(0).integers(0, 20, (2, *GRID.shape), np.uint8)
    artifact.write(Clip("log", 4, 6), {"semantics": labels}, (SEMANTICS,), clip_frames=4)
    group = zarr.open(str(tmp_path / "artifacts/voting/f00/log"), mode="r")
    assert group.attrs["frames"] == 6
    assert group["semantics"].chunks == (1, *GRID.shape)
    np.testing.assert_array_equal(group["semantics"][4:6], labels)
    assert (group["semantics"][:4] == 255).all()  # never written: unknown, not empty
    assert len(list((tmp_path / "artifacts/voting/f00/log/semantics/c").rglob("0"))) > 0


@pytest.mark.parametrize("spec", [SEMANTICS, INSTANCE, CONFIDENCE])
@pytest.mark.parametrize("codec", [Codec(), Codec(level=4, name="lz4"), Codec(checksum=False, name="lz4")])
def test_frames_are_read_without_zarr_however_they_are_compressed(
    tmp_path: Path, spec: ArraySpec[Any], codec: Codec
) -> None:
    artifact = Artifact(Store(tmp_path), "voting", "f00", "log")
    packed = replace(spec, codec=codec)
    artifact.create((packed,), Extent(4, GRID), clip_frames=4)
    labels = np.random.default_rng(0).integers(0, 200, (4, *GRID.shape)).astype(spec.dtype)
    artifact.write(Clip("log", 0, 4), {spec.name: labels}, (packed,), clip_frames=4)
    place = ArrayPlace(path=f"{artifact.path}/{spec.name}", digest=frame_digests(labels)[2])
    reader = FrameReader(Store(tmp_path))
    np.testing.assert_array_equal(reader.read(2, [place])[0], labels[2])
    (shard,) = (path for path in (tmp_path / artifact.path / spec.name / "c").rglob("*") if path.is_file())
    content = bytearray(shard.read_bytes())
    middle = int.from_bytes(content[-(4 * 16 + 4) :][2 * 16 :][:8], "little") + 40  # in the third chunk
    content[middle] ^= 4
    shard.write_bytes(content)
    with pytest.raises(AlteredArtifact, match=r"frame 2 of .* is"):
        FrameReader(Store(tmp_path)).read(2, [place], verify=not codec.checksum)


def test_what_was_begun_with_the_former_codec_goes_on_with_it(tmp_path: Path) -> None:
    store, former = Store(tmp_path), replace(SEMANTICS, codec=Codec())
    labels = np.random.default_rng(0).integers(0, 20, (8, *GRID.shape), np.uint8)
    for spec, start in ((former, 0), (SEMANTICS, 4)):
        artifact = Artifact(store, "voting", "f00", "log")
        artifact.create((spec,), Extent(8, GRID), clip_frames=4)
        clip = Clip("log", start, start + 4)
        artifact.write(clip, {"semantics": labels[start : start + 4]}, (spec,), clip_frames=4)
    np.testing.assert_array_equal(Artifact(store, "voting", "f00", "log").read("semantics", 0, 8), labels)
    assert b"blosc" not in (tmp_path / "artifacts/voting/f00/log/semantics/zarr.json").read_bytes()
    Artifact(store, "voting", "f01", "log").create((SEMANTICS,), Extent(8, GRID), clip_frames=4)
    assert b"blosc" in (tmp_path / "artifacts/voting/f01/log/semantics/zarr.json").read_bytes()
    (tmp_path / "artifacts/voting/f01/log/semantics/zarr.json").write_bytes(b"{torn")
    Artifact(store, "voting", "f01", "log").create((SEMANTICS,), Extent(8, GRID), clip_frames=4)
    assert b"blosc" in (tmp_path / "artifacts/voting/f01/log/semantics/zarr.json").read_bytes()


def test_verify_names_the_frame_that_differs(tmp_path: Path) -> None:
    artifact = Artifact(Store(tmp_path), "voting", "f00", "log")
    artifact.create((SEMANTICS,), Extent(4, GRID), clip_frames=4)
    labels = np.zeros((4, *GRID.shape), np.uint8)
    clip = Clip("log", 0, 4)
    artifact.write(clip, {"semantics": labels}, (SEMANTICS,), clip_frames=4)
    artifact.verify(clip, {"semantics": frame_digests(labels)})
    labels[2, 0, 0, 0] = 1
    with pytest.raises(StoreError, match=r"frames \[2\]"):
        artifact.verify(clip, {"semantics": frame_digests(labels)})


def test_reading_what_is_not_there_says_where(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"artifacts/voting/f00/log/semantics/zarr.json is not in the store"):
        Artifact(Store(tmp_path), "voting", "f00", "log").read("semantics", 0, 1)


@pytest.mark.parametrize(
    ("number", "said"),
    [(13, "cannot be written by this user"), (1, "by this user"), (30, "on a disk that is read-only")],
)
def test_what_a_user_may_not_write_is_not_waited_for(tmp_path: Path, number: int, said: str) -> None:
    store, asked = Store(tmp_path), 0
    for error in (
        OSError(number, os.strerror(number)),
        BaseError(
            f"Generic LocalFileSystem error: Unable to open file: {os.strerror(number)} (os error {number})\n..."
        ),
    ):

        def write(error: Exception = error) -> None:
            nonlocal asked
            asked += 1
            raise error

        with pytest.raises(StoreDenied, match=said):
            store.patience.call(write, writes=True)
    assert asked == 2


def test_who_reads_a_store_that_is_not_there_makes_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "above/store")
    assert (store.get("layout"), store.tag("layout"), store.names(""), store.lying()) == (None, "", ([], []), [])
    store.check_layout()
    store.delete("layout")
    assert not (tmp_path / "above").exists()
    store.check_layout(mark=True)
    assert (tmp_path / "above/store/layout").is_file() and store.get("layout") == b"2"


def test_a_folder_that_holds_something_else_does_not_become_a_store(tmp_path: Path) -> None:
    for name in ("runs", "catalogue", ".hidden", "lost+found"):
        (tmp_path / name).mkdir()
    Store(tmp_path).check_layout()  # a run that was killed left little
    (tmp_path / "sequences").mkdir()
    with pytest.raises(StoreError, match=r"holds sequences and is no store of occlabel: name another place"):
        Store(tmp_path).check_layout(mark=True)
    (tmp_path / "layout").write_bytes(b"2")
    Store(tmp_path).check_layout(mark=True)
