"""Weight files: what is written is read back, and whatever is not a fitting weight file is refused in a sentence."""

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from occlabel.schemas.errors import BadWeights, OcclabelError
from occlabel.stages.learning.weight_header import check_content, read_facts
from occlabel.stages.learning.weights import load_weights, save_weights


def layer(seed: int, outputs: int = 3) -> torch.nn.Linear:
    result = torch.nn.Linear(4, outputs)
    with torch.no_grad():
        result.weight.copy_(torch.randn(outputs, 4, generator=torch.Generator().manual_seed(seed)))
    return result


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "w.safetensors"
    save_weights(path, layer(1).state_dict(), {"network": "x"})
    other = layer(2)
    load_weights(other, path)
    assert torch.equal(other.weight, layer(1).weight)
    assert read_facts(path) == {"network": "x"}
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_weights_of_a_training_that_diverged_are_not_written(tmp_path: Path, value: float) -> None:
    tensors = {"a": torch.zeros(3).half(), "b": torch.full((2,), value).half()}
    with pytest.raises(OcclabelError, match=r"1 of 2 tensors hold numbers that are not finite \(b\), as the training"):
        save_weights(tmp_path / "w.safetensors", tensors, {})
    assert not list(tmp_path.iterdir())


def test_half_precision_is_read_into_single(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, {name: tensor.half() for name, tensor in layer(1).state_dict().items()}, {})
    other = layer(2)
    load_weights(other, path)
    assert other.weight.dtype == torch.float32
    assert torch.equal(other.weight, layer(1).weight.half().float())


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "text"])
def test_damaged_files(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "w.safetensors"
    if damage != "missing":
        save_weights(path, layer(1).state_dict(), {})
        whole = path.read_bytes()
        path.write_bytes({"empty": b"", "truncated": whole[:-7], "text": b"not weights at all"}[damage])
    with pytest.raises(BadWeights, match=r"w\.safetensors"):
        read_facts(path)
    with pytest.raises(BadWeights, match=r"w\.safetensors"):
        load_weights(layer(2), path)


def test_weights_of_another_shape_and_diverged_weights(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, layer(1, outputs=5).state_dict(), {})
    with pytest.raises(BadWeights, match="another network"):
        load_weights(layer(2), path)
    diverged = layer(1)
    diverged.weight.data[0, 0] = float("nan")
    save_file(dict(diverged.state_dict()), path)  # by another program
    with pytest.raises(BadWeights, match="NaN"):
        load_weights(layer(2), path)


def saved(path: Path) -> bytes:
    save_weights(path, layer(1).state_dict(), {"network": "x", "temperature": "1.04"})
    return path.read_bytes()


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    content, draw = saved(path), np.random.default_rng(0)
    check_content(path)
    for _ in range(60):
        broken = bytearray(content)
        broken[draw.integers(len(broken))] ^= 1 << int(draw.integers(8))
        path.write_bytes(broken)
        other = layer(2)
        try:
            load_weights(other, path)
        except BadWeights as error:
            assert str(path) in str(error)
        else:
            assert torch.equal(other.weight, layer(1).weight)
            assert read_facts(path) | {"network": "x", "temperature": "1.04"} == read_facts(path)
    broken = bytearray(content)
    broken[-1] ^= 1
    path.write_bytes(broken)
    with pytest.raises(BadWeights, match="not what was written"):
        check_content(path)
    path.write_bytes(content.replace(b"1.04", b"1.84"))
    with pytest.raises(BadWeights, match="not what was written"):
        check_content(path)


def without_digest(content: bytes) -> bytes:
    """The file as it was written before files held their digest."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    del header["__metadata__"]["content"]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + content[8 + size :]


def test_the_digest_may_lie_beside_an_older_file(tmp_path: Path) -> None:
    path, sums = tmp_path / "w.safetensors", tmp_path / "SHA256SUMS"
    older = without_digest(saved(path))
    path.write_bytes(older)
    load_weights(layer(2), path)
    sums.write_text(f"{hashlib.sha256(older).hexdigest()}  w.safetensors\n")
    path.write_bytes(older)
    load_weights(layer(2), path)
    path.write_bytes(older[:-1] + bytes([older[-1] ^ 1]))
    with pytest.raises(BadWeights, match="not what was written"):
        load_weights(layer(2), path)


@pytest.mark.parametrize(
    "made",
    [
        lambda content: struct.pack("<Q", 2**63) + content[8:],
        lambda content: struct.pack("<Q", 0) + content[8:],
        lambda content: content + b"more",
        lambda content: content[:8] + content[8:].replace(b'"F32"', b'"F99"'),
        lambda content: content[:8] + content[8:].replace(b'"shape":[3,4]', b'"shape":[9,4]'),
        lambda content: content[:8] + content[8:].replace(b'"x"', b"123"),
    ],
)
def test_headers_that_say_what_is_not_so(tmp_path: Path, made: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(made(without_digest(saved(path)).replace(b": ", b":").replace(b", ", b",")))
    with pytest.raises(BadWeights, match=r"w\.safetensors"):
        load_weights(layer(2), path)


def test_another_kind_of_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, {name: tensor.long() for name, tensor in layer(1).state_dict().items()}, {})
    with pytest.raises(BadWeights, match=r"is torch\.int64, the network has torch\.float32 there"):
        load_weights(layer(2), path)
    save_weights(path, {name: tensor.double() * 1e300 for name, tensor in layer(1).state_dict().items()}, {})
    with pytest.raises(BadWeights, match="NaN or infinity"):
        load_weights(layer(2), path)


def test_a_folder_is_no_weight_file(tmp_path: Path) -> None:
    for read in (read_facts, check_content):
        with pytest.raises(BadWeights, match="not a readable weight file"):
            read(tmp_path)
