"""Recipes as they are written, and as they are changed on the command line."""

from pathlib import Path
from typing import Any, cast

import pytest

from occlabel.pipeline.planning import kinds
from occlabel.pipeline.planning.kinds import kinds_of, stage_class
from occlabel.pipeline.planning.recipe_file import load_gates, load_recipe, refuse_vain
from occlabel.schemas.errors import BadRecipe
from occlabel.stages.instances.touching import ConnectedComponents

PLAIN = "grid: occ3d\ntaxonomy: occ3d\ncompletion: {kind: lmscnet}\n"
OWN = (
    "grid: occ3d\ncompletion: {{kind: lmscnet}}\ntaxonomy: {{name: own, free_id: 0, learning_map: {maps}, classes: ["
    "{{id: 0, name: free, colour: [0, 0, 0]}}, {{id: 1, name: {name}, colour: {colour}}}]}}\n"
)


def own(name: str = "car", colour: str = "[1, 2, 3]", maps: str = "{}") -> str:
    return OWN.format(name=name, colour=colour, maps=maps)


def grid(**fields: str) -> str:
    said = ", ".join(f"{name}: {value}" for name, value in {"preset": "occ3d", **fields}.items())
    return PLAIN.replace("grid: occ3d", f"grid: {{{said}}}")


def test_another_kind_does_not_inherit_the_options_of_the_recipes_kind() -> None:
    for sets in (
        ["instances.kind=components", "instances.smallest=0.5"],
        ["instances.smallest=0.5", "instances.kind=components"],
    ):
        recipe = load_recipe("nuscenes_lidar", sets)
        assert isinstance(recipe.instances, ConnectedComponents)
        assert recipe.instances.kind == "components" and recipe.instances.smallest == 0.5
    same = load_recipe("nuscenes_lidar", ["instances.kind=offsetocc"]).instances
    assert same == load_recipe("nuscenes_lidar").instances


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PLAIN + "votng: {}\n", r"votng: there is no such option \(did you mean 'voting'\?\)"),
        (PLAIN + "gates: {min_known: 2}\n", "gates.min_known: must be less than or equal to 1, got 2"),
        (
            PLAIN + "gates: {min: 1}\n",
            r"gates.min: there is no such option .*\(known: min_labelled, min_known, against, ",
        ),
        (PLAIN + "limits: 7\n", r"limits: must be a block of options \(clip_seconds, stall_minutes, attempts\), got 7"),
        (PLAIN + "voting: {radus: 1}\n", r"voting.radus: .*did you mean 'radius'.*known: kind, radius, stride"),
        (PLAIN.replace("lmscnet", "lmscnt"), r"completion.kind: .*did you mean 'lmscnet'\?\); known: lmscnet"),
        (PLAIN + "completion: {kind: onnx}\n", "'completion' stands there a second time"),
        (PLAIN.replace("taxonomy: occ3d", "taxonomy: occ3"), r"did you mean 'occ3d'\?\); known"),
        (grid(orgin="[0, 0, 0]"), r"grid.orgin: .*did you mean 'origin'\?\) \(known: origin, voxel_size, shape"),
        (grid(origin="[.inf, 0, 0]"), "finite"),
        (grid(origin="[5000, 0, 0]"), "reaches 5080 m from the car .*within 1000 m"),
        (grid(voxel_size=".nan"), "finite"),
        (grid(voxel_size="0"), "positive voxel_size .* voxel_size is 0"),
        (grid(shape="[0, 9, 9]"), r"at least 1 voxel .*\[0, 9, 9\]"),
        (grid(shape="[100000, 10000, 1000]", voxel_size="0.001"), "1,000,000,000,000 voxels"),
        (own(name="free"), "classes 0 and 1 are both called 'free'"),
        (own(name="''"), "no name that can be printed"),
        (own(name="no"), "put it in quotes"),
        (own(colour="[yes, 0, 0]"), "taxonomy.classes.1.colour.0: must be a number"),
        (grid(shape="[on, 9, 9]"), "grid.shape.0: must be a number"),
        (PLAIN + "limits: {stall_minutes: yes}\n", "limits.stall_minutes: must be a number"),
        (PLAIN + "limits: {clip_seconds: 7200}\n", "is aborted before: set stall_minutes to at least 120"),
        (PLAIN + "limits: {clip_seconds: .inf}\n", "limits.clip_seconds: must be a finite number, got inf$"),
        (PLAIN + "limits: {stall_minutes: .nan}\n", "limits.stall_minutes: must be a finite number, got nan$"),
        (
            PLAIN + "limits: {clip_seconds: 1.0e+300, stall_minutes: 1.0e+300}\n",
            r"clip_seconds: must be less than or equal to 604800, got 1e\+300; limits.stall_minutes: .* to 10080, got ",
        ),
        (PLAIN + "voting: {radius: yes, evidence: false}\n", "voting.radius: must be a number, and YAML takes no, yes"),
        (PLAIN + "priors: {depth: {kind: lidar, sweeps: on}}\n", "priors.depth.sweeps: must be a number"),
        (own(colour="[300, 0, 0]"), r"colour \[300, 0, 0\] of 'car'.*0..255"),
        (own(maps="{70000: 1}"), "raw id 70000 .* 0..65535"),
        (own(maps="{-1: 1}"), "raw id -1 "),
        (own(maps="{7: 2}"), "raw id 7 is class 2, which does not exist; classes are 0..1"),
        ("[1, 2]", "holds list"),
        ("", "holds nothing"),
        ("\0", "not valid YAML"),
    ],
)
def test_a_mistake_is_a_sentence_that_says_what_is_known(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(BadRecipe, match=f"mine.yaml .*{said}") as raised:
        load_recipe(str(tmp_path / "mine.yaml"))
    assert "\n" not in str(raised.value)


def test_raw_ids_may_be_unknown_on_purpose(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(own(maps="{0: 0, 10: 1, 99: 255}"))
    assert load_recipe(str(tmp_path / "mine.yaml")).taxonomy.from_raw[[10, 99, 5]].tolist() == [1, 255, 255]


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["votng.radius=1"], r"no block 'votng' \(did you mean 'voting'\?\); blocks are geometry"),
        (["voting.radus=1"], "did you mean 'radius'"),
        (["voting.radius=1", "voting.radius=2"], "--set voting.radius is given twice, as 1 and as 2"),
        (["voting.radius=[1"], r"--set voting.radius=\[1: the value is not valid YAML"),
        (["voting.=1"], "expected stage.option=value"),
        (["taxonomy.name=a"], "'taxonomy' is 'semantickitti' in the recipe"),
    ],
)
def test_a_mistake_on_the_command_line_is_a_sentence(sets: list[str], said: str) -> None:
    with pytest.raises(BadRecipe, match=said):
        load_recipe("semantickitti_lidar", sets)


def test_what_was_typed_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(PLAIN + "voting: {radus: 1, evidence: false}\n")
    with pytest.raises(BadRecipe) as raised:
        load_recipe(str(tmp_path / "mine.yaml"), ["completion.mirrr=false", "completion.beams={top: 1}"])
    before, *typed = str(raised.value).split("; --set ")
    assert before.startswith(f"recipe {tmp_path}/mine.yaml cannot be used: voting.radus: there is no such option")
    assert typed[0].startswith("completion.beams={top: 1}: must be ")
    assert typed[1].startswith("completion.mirrr=false: there is no such option (did you mean 'mirror'?)")
    with pytest.raises(BadRecipe, match=r"^--set completion.kind=stored: completion.path: is missing$"):
        load_recipe("semantickitti_lidar", ["completion.kind=stored"])


def test_a_stage_that_is_added_under_a_similar_name_is_said() -> None:
    said: list[str] = []
    load_recipe("semantickitti_camera", ["priors.dpth.kind=lidar", "priors.masks.kind=lidar"], note=said.append)
    (sentence,) = said
    assert sentence.startswith("--set priors.dpth adds a stage priors.dpth to the recipe, which has ")
    assert sentence.endswith("none of that name (did you mean 'depth'?)")
    load_recipe("semantickitti_camera", ["priors.depth.kind=lidar"], note=said.append)
    assert len(said) == 1


def test_what_is_yes_or_no_may_be_so_and_may_be_a_number() -> None:
    stages = [
        cast(Any, load_recipe("nuscenes_lidar", [f"completion.mirror={s}"]).completion) for s in ("no", "off", "0")
    ]
    assert [stage.mirror for stage in stages] == [False] * 3


def test_a_field_of_a_preset_grid_can_be_set() -> None:
    assert load_recipe("semantickitti_lidar", ["grid.origin=[0,-25.6,-2.2]"]).grid.origin[2] == -2.2


def test_recipes_that_do_not_exist_are_said(tmp_path: Path) -> None:
    for name, said in {
        "nuscenes_lidr": "did you mean 'nuscenes_lidar'",
        str(tmp_path): "is a folder",
        str(tmp_path / "none.yaml"): "does not exist",
        "x" * 5000: "there is no recipe",
    }.items():
        with pytest.raises(BadRecipe, match=said):
            load_recipe(name)


def test_paths_in_a_recipe_are_relative_to_it_and_those_that_are_set_to_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "mine.yaml").write_text(
        PLAIN.replace("lmscnet", "stored, path: predictions") + "voting: {calibration: own/c.json, evidence: false}\n"
    )

    def paths(*sets: str) -> tuple[Any, Any]:
        recipe = load_recipe("../mine.yaml", list(sets))
        return recipe.completion.path, recipe.voting.calibration  # type: ignore[attr-defined, union-attr]

    folder = Path.cwd().parent
    found = paths()
    assert Path(found[0]).resolve() == folder / "predictions" and Path(found[1]).resolve() == folder / "own/c.json"
    assert paths("completion.path=other")[0] == tmp_path / "here/other"
    assert paths("completion.path=~/other")[0] == tmp_path / "home/other"
    assert paths("voting.calibration=semantickitti_lidar")[1] == "semantickitti_lidar"
    (tmp_path / "own.yaml").write_text(PLAIN.replace("lmscnet", "entry_point, model: mine, weights: [a.pt, /b.pt]"))
    own = load_recipe("../own.yaml").completion
    assert [Path(path).resolve() for path in own.weights] == [folder / "a.pt", Path("/b.pt")]  # type: ignore[attr-defined, union-attr]


def test_a_package_cannot_bring_a_kind_under_the_name_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    point = EntryPoint("completion.lmscnet", "mine:Net", kinds.GROUP)
    monkeypatch.setattr(kinds, "_plugins", lambda: {point.name: point})
    stage_class.cache_clear()
    with pytest.raises(BadRecipe, match=r"completion.lmscnet = mine:Net .* takes the name of a kind that comes with"):
        stage_class("completion", "lmscnet")
    assert kinds_of("completion").count("lmscnet") == 1
    stage_class.cache_clear()


def test_without_evidence_what_hears_it_goes_on_without() -> None:
    said: list[str] = []
    left = load_recipe("nuscenes_lidar", skip=["evidence"], note=said.append)
    whole = [step.name for step in load_recipe("nuscenes_lidar").chain]
    assert [step.name for step in left.chain] == [name for name in whole if name != "evidence"]
    assert said[:2] == [
        f"--skip evidence sets {slot}.evidence=false: nothing else writes 'observed' for it"
        for slot in ("propagation", "voting")
    ]
    deaf = [f"{place}.evidence={value}" for place, value in (("propagation", False), ("voting", False), ("audit", 0))]
    assert left.chain == load_recipe("nuscenes_lidar", deaf, skip=["evidence"]).chain


def test_what_is_set_in_a_block_that_is_left_out_is_refused() -> None:
    with pytest.raises(BadRecipe, match=r"--skip voting leaves out the block in which --set voting.radius=3 is"):
        refuse_vain(["voting.radius=3"], ["ground", "voting"])
    refuse_vain(["voting.radius=3", "voting=null"], ["ground"])


def test_what_no_gate_asks_for_is_refused(tmp_path: Path) -> None:
    mine = str(tmp_path / "mine.yaml")
    (tmp_path / "mine.yaml").write_text(PLAIN + "gates: {static: {}}\n")
    for name, of in ((None, ""), (mine, f" of recipe {mine}")):
        with pytest.raises(BadRecipe) as error:
            load_gates(name, [], None, tmp_path)
        assert str(error.value).startswith(f"--truth {tmp_path}: no gate{of} asks for it; leave it out, or ask one")
        scored = load_gates(name, ["gates.score.min_miou=0.5"], None, tmp_path)
        compared = load_gates(name, ["gates.regression={}"], "latest", tmp_path)
        assert {"score"} <= dict(scored.judged()).keys() and {"regression"} <= dict(compared.judged()).keys()
    with pytest.raises(BadRecipe, match=r"--against latest: no gate of .* asks for it; .* --set gates.drift=\{\}"):
        load_gates(mine, [], "latest", None)
    assert {"drift", "regression"} <= dict(load_gates(None, [], "latest", tmp_path).judged()).keys()


def test_who_hears_no_evidence_is_told_both_ways_out(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "{grid: occ3d, taxonomy: occ3d, completion: {kind: lmscnet}, voting: {kind: registration}}"
    )
    said = r"voting \(registration\) reads 'observed', which nothing before it writes; it is written by "
    with pytest.raises(BadRecipe, match=said + r"evidence \(rays, depth\): add that, or set voting.evidence=false"):
        load_recipe(str(tmp_path / "mine.yaml"))
    assert load_recipe(str(tmp_path / "mine.yaml"), ["voting.evidence=false"]).chain


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((None,), "name=None: give a YAML file, or the name of a recipe"),
        ((3,), "name=3: give a YAML file"),
        (([],), r"name=\[\]: give a YAML file"),
        (("semantickitti_lidar", "completion.kind=onnx"), "overrides='completion.kind=onnx' is text: give a list of"),
        (("semantickitti_lidar", [3]), r"overrides=\[3\]: give a list of changes"),
        (
            ("semantickitti_lidar", [], "voting"),
            r"skip='voting' is text: give a list of slots, as in skip=\['voting'\]",
        ),
        (("semantickitti_lidar", [], 3), "skip=3: give a list of slots"),
    ],
)
def test_what_names_no_recipe_or_lists_no_changes_is_refused(arguments: Any, said: str) -> None:
    with pytest.raises(BadRecipe, match=said):
        load_recipe(*arguments)


def test_a_recipe_may_be_named_by_a_path(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(PLAIN)
    assert load_recipe(tmp_path / "mine.yaml", []) == load_recipe(str(tmp_path / "mine.yaml"))
