"""Weight files: what is written is read back, and whatever is not a fitting weight file is refused in a sentence."""

from pathlib import Path

import pytest
import torch

from occlabel.schemas.errors import BadWeights
from occlabel.stages.learning.weights import load_weights, read_facts, save_weights


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
    save_weights(path, diverged.state_dict(), {})
    with pytest.raises(BadWeights, match="NaN"):
        load_weights(layer(2), path)
