"""Which files an ONNX model consists of: large weights lie beside the graph, in files that tensors in it name.

Protobuf is read field by field, as far as tensors can lie (onnx.proto: of a model its graph, functions and training; of
a graph its initialisers and nodes; of a node its attributes). Content is skipped, not loaded: weights may take
gigabytes, and neither onnxruntime nor a plan on a small machine should need the package ``onnx`` for them.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from occlabel.schemas.errors import BadWeights

_TENSOR = "tensor"
_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {13: "entry"},
}
"""Message -> field -> what message it holds."""
_DEEPEST = 100
"""Messages in each other: protobuf itself reads no deeper."""


def files_of(path: Path) -> tuple[Path, ...]:
    """The model and the files with its weights, sorted. Raises BadWeights for a file that is no ONNX model, or names
    weights outside of its own folder."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            locations = sorted(set(_locations(content)))
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise BadWeights(f"{path} is not an ONNX model: {error}") from error
    for location in locations:
        parts = PurePosixPath(location).parts
        if not parts or ".." in parts or PurePosixPath(location).is_absolute() or PureWindowsPath(location).drive:
            raise BadWeights(f"{path} names weights in {location!r}, outside of its folder; export it again")
    return (path, *(path.parent / location for location in locations))


def _locations(content: mmap.mmap) -> Iterator[str]:
    """Raises ValueError where the content is no such message."""
    waiting = [("model", 0, len(content), 0)]
    while waiting:
        message, start, stop, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError(f"its messages lie more than {_DEEPEST} deep in each other")
        if message == "entry":
            entry = {number: content[a:b].decode() for number, a, b in _fields(content, start, stop)}
            if entry.get(1) == "location":
                yield entry.get(2, "")
            continue
        inside = _INSIDE[message]
        found = _fields(content, start, stop)
        waiting += [(inside[number], a, b, depth + 1) for number, a, b in found if number in inside]


def _fields(content: mmap.mmap, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Number and place of the fields of a message that hold bytes: text, numbers in a row, other messages."""
    while start < stop:
        key, start = _varint(content, start, stop)
        size = 0
        match key & 7:
            case 0:
                _, start = _varint(content, start, stop)
            case 1:
                size = 8
            case 2:
                size, start = _varint(content, start, stop)
                if start + size <= stop:
                    yield key >> 3, start, start + size
            case 5:
                size = 4
            case kind:
                raise ValueError(f"byte {start} is no field of a message (kind {kind})")
        start += size
    if start != stop:
        raise ValueError(f"it ends within a field, at byte {stop}")


def _varint(content: mmap.mmap, start: int, stop: int) -> tuple[int, int]:
    value = 0
    for place in range(start, min(stop, start + 10)):
        value |= (content[place] & 127) << 7 * (place - start)
        if content[place] < 128:
            return value, place + 1
    raise ValueError(f"it ends within a number, at byte {start}")
