"""Recipes as they are changed on the command line."""

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.stages.instances.touching import ConnectedComponents


def test_another_kind_does_not_inherit_the_options_of_the_recipes_kind() -> None:
    recipe = load_recipe("nuscenes_lidar", ["instances.kind=components", "instances.smallest=0.5"])
    assert isinstance(recipe.instances, ConnectedComponents)
    assert recipe.instances.kind == "components" and recipe.instances.smallest == 0.5
    same = load_recipe("nuscenes_lidar", ["instances.kind=offsetocc"]).instances
    assert same == load_recipe("nuscenes_lidar").instances
