"""Weights that a recipe names: on the hub, or in a folder beside the recipe."""

from pathlib import Path

import pytest

from occlabel.pipeline.planning.paths import anchored

HUB = "depth-anything/Depth-Anything-V2-Small-hf"


def named(weights: str, folder: Path) -> str:
    fields = {"priors": {"depth": {"kind": "depth_anything", "weights": weights}}}
    found = anchored(fields, folder)["priors"]["depth"]["weights"]
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize("weights", ["./weights", "../weights", "weights", "models/weights"])
def test_a_folder_of_weights_lies_beside_the_recipe(weights: str, tmp_path: Path) -> None:
    (tmp_path / "recipes/models/weights").mkdir(parents=True)
    (tmp_path / "recipes/weights").mkdir()
    assert named(weights, tmp_path / "recipes") == str(tmp_path / "recipes" / weights)


def test_a_name_on_the_hub_is_no_path_unless_there_is_such_a_folder(tmp_path: Path) -> None:
    assert named(HUB, tmp_path) == HUB
    (tmp_path / HUB).mkdir(parents=True)
    assert named(HUB, tmp_path) == str(tmp_path / HUB)
    assert named("/no/where", tmp_path) == "/no/where"


def test_the_version_and_the_truth_of_gates_lie_beside_the_recipe(tmp_path: Path) -> None:
    def gates(**fields: str) -> dict[str, str]:
        return anchored({"gates": fields}, tmp_path)["gates"]  # type: ignore[no-any-return]

    assert gates(against="labels@v1", truth="kitti") == {
        "against": f"{tmp_path}/labels@v1", "truth": f"{tmp_path}/kitti"
    }  # fmt: skip
    assert gates(against="latest") == {"against": "latest"}
    assert gates(against="s3://bucket/labels@v1") == {"against": "s3://bucket/labels@v1"}
    assert gates(against="/store@v1", truth="/kitti") == {"against": "/store@v1", "truth": "/kitti"}
