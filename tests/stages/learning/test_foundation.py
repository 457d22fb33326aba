"""Weights are found where the hub keeps them, and whatever is wrong with them is a sentence."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.foundation import (
    checkpoint,
    licence_of,
    located,
    pretrained,
    refuse_other_model,
    restriction,
)

transformers = pytest.importorskip("transformers")
tiny = pytest.importorskip("tiny_checkpoints")

HUB_NAME = "depth-anything/Depth-Anything-V2-Small-hf"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def load(folder: Path) -> Any:
    return pretrained(transformers.DepthAnythingForDepthEstimation.from_pretrained, checkpoint(str(folder)), Hands())


def test_a_hub_name_is_found_in_the_cache_and_its_main_branch_is_a_commit(cache: Path) -> None:
    folder = tiny.depth_anything(tiny.cached(cache, HUB_NAME))
    found = checkpoint(HUB_NAME)
    assert found.folder == folder and {path.name for path in found.files} >= {"config.json", "model.safetensors"}
    assert found.nbytes == (folder / "model.safetensors").stat().st_size
    assert located(HUB_NAME, folder.name) == located(HUB_NAME, "main") == folder
    with pytest.raises(BadWeights, match=r"does not hold .* in the revision v2; .*hf download .* --revision v2"):
        checkpoint(HUB_NAME, "v2")


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    folder = tiny.depth_anything(tmp_path)
    model = load(folder)
    model.save_pretrained(tmp_path / "again")
    saved, again = (load_file(place / "model.safetensors") for place in (folder, tmp_path / "again"))
    assert saved.keys() == again.keys() and all(torch.equal(saved[name], again[name]) for name in saved)
    assert not model.training and not any(tensor.requires_grad for tensor in model.parameters())


def test_weights_in_parts_are_all_of_them_what_decides(tmp_path: Path) -> None:
    model = load(tiny.depth_anything(tmp_path / "whole"))
    model.save_pretrained(tmp_path / "parts", max_shard_size="100KB")
    found = checkpoint(str(tmp_path / "parts"))
    parts = [path for path in found.files if path.suffix == ".safetensors"]
    assert len(parts) > 1
    assert all(torch.equal(a, b) for a, b in zip(load(found.folder).parameters(), model.parameters(), strict=True))
    parts[1].unlink()
    with pytest.raises(BadWeights, match=rf"lacks 1 of {len(parts)} weight files, the first is {parts[1].name}"):
        checkpoint(str(tmp_path / "parts"))


@pytest.mark.parametrize("name", ["weights/of-mine/here", "./near", "/no/where"])
def test_a_folder_that_is_not_there_is_named(name: str, cache: Path) -> None:
    with pytest.raises(BadWeights, match=rf"the folder of weights {name} does not exist"):
        checkpoint(name)


def test_what_was_not_fetched_is_not_downloaded_but_said(cache: Path) -> None:
    with pytest.raises(BadWeights, match="downloads nothing while it runs: fetch it once with hf download"):
        checkpoint(HUB_NAME)


def test_a_damaged_checkpoint_is_a_sentence(tmp_path: Path) -> None:
    folder = tiny.depth_anything(tmp_path / "model")
    weights, config = folder / "model.safetensors", folder / "config.json"
    whole, text = weights.read_bytes(), config.read_text()

    def refused(match: str) -> None:
        with pytest.raises(BadWeights, match=match):
            load(folder)
        weights.write_bytes(whole)
        config.write_text(text)

    weights.write_bytes(whole[:-1])
    refused(f"has {len(whole) - 1} bytes and should have {len(whole)}: it was cut")
    weights.write_bytes(b"not at all a weight file")
    refused("is no safetensors file")
    config.write_text("{")
    refused("config.json")
    tensors = load_file(weights)
    save_file({name: tensor for name, tensor in tensors.items() if name != "head.conv1.bias"}, weights)
    refused("1 tensors are missing or of another shape, the first is head.conv1.bias")
    tiny.changed(config, fusion_hidden_size=12)
    refused("cannot be loaded|of another shape")
    tensors["head.conv1.bias"][3] = float("nan")
    save_file(tensors, weights)
    refused("tensor head.conv1.bias holds NaN or infinity")
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(
        BadWeights, match=r"no model\.safetensors, only pytorch_model\.bin, which may hold pickled code"
    ):
        checkpoint(str(folder))


def test_a_configuration_that_names_a_backbone_on_the_hub_fetches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    called: list[object] = []

    def connect(self: socket.socket, address: object) -> None:
        called.append(address)
        raise OSError("no network here")

    def resolve(host: object, *rest: object, **more: object) -> list[object]:
        called.append(host)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    folder = tiny.depth_anything(tmp_path / "model")
    tiny.changed(
        folder / "config.json", backbone_config=None, backbone="facebook/dinov2-small", use_pretrained_backbone=True
    )
    with pytest.raises(BadWeights):
        load(folder)
    assert not called


def test_another_architecture_is_refused_by_name(tmp_path: Path) -> None:
    found = checkpoint(str(tiny.depth_anything(tmp_path)))
    refuse_other_model(found, "depth_anything")
    with pytest.raises(BadWeights, match="is a 'depth_anything' model, and here a 'sam2' or 'sam' model is needed"):
        refuse_other_model(found, "sam2", "sam")


def test_licences_are_known_by_name_or_from_the_card(tmp_path: Path) -> None:
    assert licence_of(HUB_NAME) == "apache-2.0" and restriction(HUB_NAME) is None
    large = "depth-anything/Depth-Anything-V2-Metric-Outdoor-Large-hf"
    assert restriction(large) == (
        f"the weights {large} are under cc-by-nc-4.0: labels made with them are for non-commercial use"
    )
    assert licence_of(str(tmp_path)) is None and restriction(str(tmp_path)) is None
    card = tmp_path / "README.md"
    card.write_text("---\ntags: [depth]\nlicense: cc-by-nc-sa-4.0\n---\n# A model\nlicense: mit\n")
    assert "cc-by-nc-sa-4.0" in (restriction(str(tmp_path)) or "")
    card.write_text("---\nlicense: mit\n---\n")
    assert licence_of(str(tmp_path)) == "mit" and restriction(str(tmp_path)) is None
    card.write_text("# No header\nlicense: cc-by-nc-4.0\n")
    assert licence_of(str(tmp_path)) is None
