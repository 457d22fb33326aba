"""Depth from files is what the files say, and files that say something else are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from contract import SPACES, facts_of, log_of, run, street
from PIL import Image
from pydantic import ValidationError

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.stages.priors.depth.stored import StoredDepth, read_depth

SPACE, SIZE = SPACES["occ3d"], (80, 46)
LOG = log_of(street()[0].frames)


def metres() -> np.ndarray:
    return np.random.default_rng(0).uniform(1, 80, SIZE[::-1]).astype(np.float32)


def write(path: Path, depth: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(np.rint(depth * 256).astype(np.uint16)).save(path)
    elif path.suffix == ".npy":
        np.save(path, depth)
    else:
        np.savez_compressed(path, depth=depth)
    return path


@pytest.mark.parametrize("suffix", [".png", ".npy", ".npz"])
def test_every_format_says_the_same_metres(suffix: str, tmp_path: Path) -> None:
    depth = metres()
    for frame in LOG.frames[1:]:
        write(tmp_path / f"log/front/{frame.name}{suffix}", depth + np.float32(frame.time))
    stage = StoredDepth(path=tmp_path / ("{log}/{camera}/{frame}" + suffix))
    assert "7 of 12 images have no file and stay unknown" in (stage.doubts(SPACE, facts_of(LOG)) or "")
    result = run(stage, SPACE, LOG)
    front, back = result[DEPTH.on("front").name], result[DEPTH.on("back").name]
    assert np.isnan(back).all() and np.isnan(front[0]).all()
    np.testing.assert_allclose(front[3].astype(float), (depth + 0.3)[::4, ::4], rtol=1e-3)


def test_zero_negative_and_infinite_depth_is_unknown(tmp_path: Path) -> None:
    depth = metres()
    depth[0, 0], depth[0, 4], depth[0, 8], depth[0, 12], depth[0, 16] = 0, -3, np.inf, np.nan, 1e9
    for name in ("a.npy", "a.npz"):
        (tmp_path / "f").mkdir(exist_ok=True)
        write(tmp_path / "f" / name.replace("a", "000000"), depth)
        stage = StoredDepth(path=tmp_path / "f" / ("{frame}" + name[1:]))
        with np.errstate(all="raise", under="ignore"):
            front = run(stage, SPACE, log_of(LOG.frames[:1]))[DEPTH.on("front").name][0]
        assert np.isnan(front[0, :5]).all() and np.isfinite(front[0, 5:]).all() and np.isfinite(front[1:]).all()
    dark = write(tmp_path / "black.png", np.zeros(SIZE[::-1]))
    assert (read_depth(dark, SIZE) == 0).all()


def test_a_file_that_is_no_depth_of_the_image_is_named(tmp_path: Path) -> None:
    def refused(path: Path, match: str) -> None:
        with pytest.raises(DamagedFile, match=match) as told:
            read_depth(path, SIZE)
        assert str(path) in str(told.value)

    for suffix in (".png", ".npy"):
        refused(write(tmp_path / f"small{suffix}", metres()[:40, :70]), "is 70x40, its image is 80x46")
    refused(write(tmp_path / "small.npz", metres()[:40]), r"\[40, 80\], expected \[46, 80\]")
    refused(write(tmp_path / "ints.npy", np.ones(SIZE[::-1], np.int32)), "holds int32, expected floating point")
    np.save(tmp_path / "pickled.npy", np.array([{}], object), allow_pickle=True)
    refused(tmp_path / "pickled.npy", "not a readable npy")
    np.savez(tmp_path / "two.npz", a=metres(), b=metres())
    refused(tmp_path / "two.npz", "holds a, b; name the one with the depth 'depth'")
    Image.fromarray(metres().astype(np.uint8)).save(tmp_path / "grey.png")
    refused(tmp_path / "grey.png", "pixels of the mode L; depth is 16-bit grey, 256 steps a metre")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "is empty; write it again")
    for suffix in (".png", ".npy", ".npz"):
        cut = write(tmp_path / f"cut{suffix}", metres())
        cut.write_bytes(cut.read_bytes()[:-200])
        refused(cut, "is not a readable")


@pytest.mark.parametrize("suffix", [".png", ".npy", ".npz"])
def test_a_file_that_cannot_be_read_costs_its_frame_and_is_named_by_the_plan(suffix: str, tmp_path: Path) -> None:
    files = [write(tmp_path / f"front/{frame.name}{suffix}", metres()) for frame in LOG.frames]
    files[0].write_bytes(b"")
    files[2].write_bytes(files[2].read_bytes()[:-200])
    write(files[3], metres()[:40, :70])
    stage = StoredDepth(path=tmp_path / ("{camera}/{frame}" + suffix))
    said = stage.doubts(SPACE, facts_of(LOG)) or ""
    assert "3 of 6 files cannot be read, and their images stay unknown" in said
    assert f"{files[0]} is empty; write it again; and 2 more" in said
    front = run(stage, SPACE, LOG)[DEPTH.on("front").name]
    assert [bool(np.isnan(frame).all()) for frame in front] == [True, False, True, True, False, False]
    for file in files:
        file.write_bytes(b"")
    with pytest.raises(BadLog, match=r"000000.* is empty; write it again; nor can the other 5"):
        stage.doubts(SPACE, facts_of(LOG))


def test_what_cannot_work_is_said_before_the_work(tmp_path: Path) -> None:
    stage = StoredDepth(path=tmp_path / "{camera}/{frame}.npy")
    with pytest.raises(BadLog, match=r"none of its 12 images has a file .*; the first would be .*front/000000.npy"):
        stage.doubts(SPACE, facts_of(LOG))
    write(tmp_path / "back/000002.npy", metres()[:-1])
    with pytest.raises(BadLog, match=r"log log: .*back/000002.npy is 80x45, its image is 80x46"):
        stage.doubts(SPACE, facts_of(LOG))
    with pytest.raises(ValidationError, match=r"ends in \.tif; files of \.png or \.npy or \.npz are read"):
        StoredDepth(path=tmp_path / "{frame}.tif")


def test_one_changed_file_makes_its_own_log_anew(tmp_path: Path) -> None:
    stage, facts = StoredDepth(path=tmp_path / "{camera}/{frame}.npy"), facts_of(LOG)
    write(tmp_path / "back/000002.npy", metres())
    before = stage.fingerprint_extra(SPACE, facts)
    write(tmp_path / "back/000002.npy", metres() + 1)
    assert stage.fingerprint_extra(SPACE, facts) != before
