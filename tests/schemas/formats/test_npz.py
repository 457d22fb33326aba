"""What an npz file of somebody else holds is checked before it is narrowed, allocated or unpickled."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy

from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.formats import occ3d
from occlabel.schemas.formats.nuscenes_panoptic import read_codes

PLACE = (3, 150, 7)


def prediction(path: Path, dtype: Any, value: Any = 4) -> Path:
    semantics = np.full(occ3d.SHAPE, 17, dtype)
    semantics[PLACE] = value
    np.savez_compressed(path, semantics=semantics)
    return path


@pytest.mark.parametrize("dtype", ["u1", "i1", ">u2", "<i2", "u4", "i4", "u8", ">i8"])
def test_integers_of_every_width_are_read(tmp_path: Path, dtype: str) -> None:
    semantics = occ3d.read_labels(prediction(tmp_path / "a.npz", dtype))["semantics"]
    assert semantics.dtype == np.uint8
    assert semantics[PLACE] == 4 and (semantics == 17).sum() == semantics.size - 1


@pytest.mark.parametrize(
    ("dtype", "value"), [("i8", 260), ("i2", -252), ("u2", 256), ("u8", 2**63), ("i8", -(2**63)), ("i1", -1)]
)
def test_an_id_that_a_byte_does_not_hold_is_named_with_its_place(tmp_path: Path, dtype: str, value: int) -> None:
    path = prediction(tmp_path / "a.npz", dtype, value)
    with pytest.raises(DamagedFile) as refused:
        occ3d.read_labels(path)
    assert str(refused.value) == f"{path}: semantics is {value} at [3, 150, 7], expected 0..255"


@pytest.mark.parametrize(
    ("dtype", "value", "word"),
    [("f4", np.nan, "float32"), ("f8", 4.0, "float64"), ("?", True, "bool"), ("c8", 1, "complex64"), ("S1", "4", "S1")],
)
def test_what_is_no_integer_is_refused(tmp_path: Path, dtype: str, value: Any, word: str) -> None:
    with pytest.raises(DamagedFile, match=rf"semantics is \|?{word}, expected integers 0\.\.255"):
        occ3d.read_labels(prediction(tmp_path / "a.npz", dtype, value))


def test_masks_are_0_and_1(tmp_path: Path) -> None:
    path = tmp_path / "labels.npz"
    seen = np.zeros(occ3d.SHAPE, bool)
    seen[PLACE] = True
    semantics = np.zeros(occ3d.SHAPE, np.uint8)
    for mask in (seen, seen.astype(np.int64)):
        np.savez_compressed(path, semantics=semantics, mask_camera=mask, mask_lidar=~seen)
        arrays = occ3d.read_labels(path)
        assert (
            arrays["mask_camera"].sum() == 1 and arrays["mask_camera"][PLACE] == 1 and not arrays["mask_lidar"][PLACE]
        )
    np.savez_compressed(path, semantics=semantics, mask_camera=seen * 255)
    with pytest.raises(DamagedFile, match=r"mask_camera is 255 at \[3, 150, 7\], expected 0\.\.1"):
        occ3d.read_labels(path)
    np.savez_compressed(path, semantics=semantics, mask_lidar=seen[:-1])
    with pytest.raises(DamagedFile, match=r"mask_lidar is \[199, 200, 16\]"):
        occ3d.read_labels(path)


def test_a_single_array_has_any_name_and_other_arrays_are_not_touched(tmp_path: Path) -> None:
    semantics = np.full(occ3d.SHAPE, 4, np.int32)
    np.savez(tmp_path / "a.npz", semantics)
    assert (occ3d.read_labels(tmp_path / "a.npz")["semantics"] == 4).all()
    np.savez(tmp_path / "b.npz", semantics=semantics, flow=np.array([{}], object))
    assert set(occ3d.read_labels(tmp_path / "b.npz")) == {"semantics"}
    np.savez(tmp_path / "c.npz", semantics, semantics)
    with pytest.raises(DamagedFile, match="has no array 'semantics', only arr_0, arr_1"):
        occ3d.read_labels(tmp_path / "c.npz")


def declaring(path: Path, header: bytes, content: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("semantics.npy", header + content)
    return path


def header(shape: tuple[int, ...], descr: str) -> bytes:
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": descr})
    return file.getvalue()


def test_nothing_is_allocated_for_what_a_file_merely_claims(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for claimed, said in [
        (header((1 << 20, 1 << 20, 1 << 20), "<i8"), r"semantics is \[1048576, 1048576, 1048576\], expected \[200"),
        (header(occ3d.SHAPE, "|S2000000"), r"semantics is \|S2000000, expected integers"),
        (header(occ3d.SHAPE, "|O"), "semantics is pickled Python objects, expected integers"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 1000, "not a readable npz file"),
        (header(occ3d.SHAPE, "<i8"), "not a readable npz file"),
    ]:
        with pytest.raises(DamagedFile, match=said):
            occ3d.read_labels(declaring(path, claimed))
    with pytest.raises(DamagedFile, match="more behind the last value"):
        occ3d.read_labels(declaring(path, header(occ3d.SHAPE, "|u1"), bytes(200 * 200 * 16 + 1)))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\x00"])
def test_what_is_no_npz_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DamagedFile, match=r"a\.npz"):
        occ3d.read_labels(tmp_path / "a.npz")


def test_damaged_files_are_sentences_or_the_same_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    truth = np.random.default_rng(0).integers(0, 18, occ3d.SHAPE).astype(np.uint8)
    occ3d.write_labels(path, truth, mask_camera=truth > 4, mask_lidar=truth > 9)
    content, draw, refused = path.read_bytes(), np.random.default_rng(1), 0
    for number in range(60):
        broken = bytearray(content)
        if number % 3 == 0:
            del broken[int(draw.integers(len(broken))) :]
        else:
            front = number % 3 == 1
            at = int(draw.integers(len(broken) - 400 if front else 0, len(broken)))
            broken[at] ^= 1 << int(draw.integers(8))
        path.write_bytes(broken)
        try:
            read = occ3d.read_labels(path)
        except DamagedFile:
            refused += 1
            continue
        np.testing.assert_array_equal(read["semantics"], truth)
    assert refused > 40


def test_panoptic_codes_are_checked_before_they_are_narrowed(tmp_path: Path) -> None:
    path = tmp_path / "a_panoptic.npz"
    np.savez_compressed(path, data=np.array([17003, 24000], np.int64))
    assert [array.tolist() for array in read_codes(path, 2)] == [[17, 24], [3, 0]]
    np.savez_compressed(path, data=np.array([17003, 65536 + 17003], np.int64))
    with pytest.raises(DamagedFile, match=r"data is 82539 at \[1\], expected 0\.\.65535"):
        read_codes(path, 2)
    with pytest.raises(DamagedFile, match=r"data is \[2\], expected \[3\]"):
        read_codes(path, 3)
    np.savez_compressed(path, codes=np.zeros(2, np.uint16))
    with pytest.raises(DamagedFile, match="data"):
        read_codes(path, 2)
