"""Files of which each log has its own."""

from pathlib import Path

import pytest

from occlabel.pipeline.planning.needs import check_step
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.schemas.errors import BadRecipe, OcclabelError
from occlabel.schemas.log_places import LOG, of_each_log, place_of


def test_a_place_of_each_log_has_the_id_of_the_log_in_it() -> None:
    assert of_each_log(Path(f"a/{LOG}.txt")) and not of_each_log(Path("a/b.txt")) and not of_each_log(None)
    assert place_of(Path(f"a/{LOG}.txt"), "00") == Path("a/00.txt")


def test_what_a_place_cannot_name_is_said_unless_it_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "{lg}.txt"
    with pytest.raises(BadRecipe, match=r"names \{lg\} \(did you mean 'log'\?\); a path can name \{log\}"):
        of_each_log(path)
    path.touch()
    assert not of_each_log(path)


def test_a_recipe_with_such_a_place_is_refused() -> None:
    said = r"names \{lg\} \(did you mean 'log'"
    with pytest.raises(BadRecipe, match=rf"geometry\.path: .*{said}"):
        load_recipe("semantickitti_lidar", ["geometry={kind: stored, path: 'poses/{lg}.txt'}"])
    recipe = load_recipe("semantickitti_lidar", ["completion.weights=adapted/{lg}.safetensors"])
    (step,) = (step for step in recipe.chain if step.name == "completion")
    with pytest.raises(OcclabelError, match=rf"stage completion \(lmscnet\): .*{said}"):
        check_step(step, recipe)
