"""Mutations that know the format: files that open as they should and hold something else, or claim to."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from fuzzing.mutated_json import JSON
from fuzzing.mutations import Mutation
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Arrays = dict[str, NDArray[Any]]
_HUGE = 1 << 40


# Arrays in a zip


def _npz(change: Callable[[Arrays, str, Generator], Arrays]) -> Callable[[bytes, Generator], bytes]:
    """``change`` is given the arrays and the name of one."""

    def apply(content: bytes, draw: Generator) -> bytes:
        with np.load(io.BytesIO(content)) as file:
            arrays = dict(file)
        name = sorted(arrays)[int(draw.integers(0, len(arrays)))]
        result = io.BytesIO()
        np.savez_compressed(result, **change(arrays, name, draw))  # type: ignore[arg-type]
        return result.getvalue()

    return apply


def _cast(dtype: str, put: float | None = None) -> Callable[[bytes, Generator], bytes]:
    def change(arrays: Arrays, name: str, draw: Generator) -> Arrays:
        array = arrays[name].astype(dtype)
        if put is not None:
            array.flat[int(draw.integers(0, array.size))] = put
        return arrays | {name: array}

    return _npz(change)


def _claims(content: bytes, draw: Generator) -> bytes:
    """The header of an array says that it is huge."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            with old.open(name) as member:
                np.lib.format.read_magic(member)
                _, _, dtype = np.lib.format.read_array_header_1_0(member)
                header = io.BytesIO()
                facts = {"descr": dtype.str, "fortran_order": False, "shape": (_HUGE,)}
                np.lib.format.write_array_header_1_0(header, facts)
                new.writestr(name, header.getvalue() + member.read())
    return result.getvalue()


NPZ = (
    Mutation("as int64", _cast("<i8")),
    Mutation("as int64 with 70000", _cast("<i8", 70_000)),
    Mutation("as int16 with -252", _cast("<i2", -252)),
    Mutation("as float32", _cast("<f4")),
    Mutation("as float32 with nan", _cast("<f4", np.nan)),
    Mutation("as bool", _cast("?")),
    Mutation("as complex numbers", _cast("<c8")),
    Mutation("big-endian", _cast(">i4")),
    Mutation("lose an array", _npz(lambda arrays, name, _: {key: arrays[key] for key in arrays if key != name})),
    Mutation("an array more", _npz(lambda arrays, name, _: {**arrays, "extra": np.zeros(3)})),
    Mutation("another name", _npz(lambda arrays, name, _: {f"{key}_": array for key, array in arrays.items()})),
    Mutation("one row fewer", _npz(lambda arrays, name, _: arrays | {name: arrays[name][:-1]})),
    Mutation("an axis more", _npz(lambda arrays, name, _: arrays | {name: arrays[name][None]})),
    Mutation("pickled objects", _npz(lambda arrays, name, _: arrays | {name: np.array([{}, []], object)})),
    Mutation("claims to be huge", _claims),
)


# Images


def _drawn(
    change: Callable[[Image.Image], Image.Image], format: str, **options: Any
) -> Callable[[bytes, Generator], bytes]:
    def apply(content: bytes, draw: Generator) -> bytes:
        result = io.BytesIO()
        change(Image.open(io.BytesIO(content))).save(result, format, **options)
        return result.getvalue()

    return apply


def _endless(content: bytes, draw: Generator) -> bytes:
    """The header says that it has 10,000,000,000 pixels."""
    if content.startswith(b"\x89PNG"):
        head = b"IHDR" + struct.pack(">II", 100_000, 100_000) + content[24:29]
        return content[:12] + head + struct.pack(">I", zlib.crc32(head)) + content[33:]
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", 65_500, 65_500) + content[at + 4 :]


def images(format: str) -> tuple[Mutation, ...]:
    other = "JPEG" if format == "PNG" else "PNG"
    return (
        Mutation("claims to be huge", _endless),
        Mutation("another size", _drawn(lambda image: image.resize((32, 80)), format)),
        Mutation("grey", _drawn(lambda image: image.convert("L"), format), value=True),
        Mutation(f"as {other}", _drawn(lambda image: image.convert("RGB"), other), value=True),
        Mutation("as GIF", _drawn(lambda image: image.convert("P"), "GIF")),
        Mutation("as TIFF", _drawn(lambda image: image, "TIFF")),
    )


PNG = (
    *images("PNG"),
    Mutation("with alpha", _drawn(lambda image: image.convert("RGBA"), "PNG")),
    Mutation(
        "16 bits", _drawn(lambda image: Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257), "PNG"), True
    ),
    Mutation("two bits", _drawn(lambda image: image.convert("1"), "PNG"), value=True),
)
JPEG = (
    *images("JPEG"),
    Mutation("CMYK", _drawn(lambda image: image.convert("CMYK"), "JPEG"), value=True),
    Mutation("progressive", _drawn(lambda image: image, "JPEG", progressive=True, quality=95), value=True),
)


# Weights: eight bytes of length, a header in JSON, numbers


def _headed(change: Callable[[bytes, Generator], Any]) -> Callable[[bytes, Generator], bytes]:
    def apply(content: bytes, draw: Generator) -> bytes:
        size = int.from_bytes(content[:8], "little")
        header = change(content[8 : 8 + size], draw)
        return len(header).to_bytes(8, "little") + bytes(header) + content[8 + size :]

    return apply


def _first_tensor(**fields: Any) -> Callable[[bytes, Generator], bytes]:
    def change(header: bytes, draw: Generator) -> bytes:
        tree = json.loads(header)
        name = next(name for name in tree if name != "__metadata__")
        return json.dumps(tree | {name: tree[name] | fields}).encode()

    return change


WEIGHTS = (
    Mutation("a header of 2^60 bytes", lambda content, _: (1 << 60).to_bytes(8, "little") + content[8:]),
    Mutation("a tensor claims to be huge", _headed(_first_tensor(shape=[_HUGE]))),
    Mutation("a tensor of another dtype", _headed(_first_tensor(dtype="F16"))),
    Mutation("a tensor of no dtype", _headed(_first_tensor(dtype="X9"))),
    *(Mutation(f"header: {mutation.name}", _headed(mutation.apply)) for mutation in JSON),
)
