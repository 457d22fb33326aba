"""The built-in model as a stage: missing scans, batches, moved sensors, and weights that do not fit."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import contract
import numpy as np
import pytest
import torch
from contract import ScriptedSensors, facts_of, log_of

from occlabel.schemas.drive_log import Frame, Sweep
from occlabel.schemas.errors import BadLog, BadPredictions, BadWeights
from occlabel.schemas.geometry import inverse, transform_points, yaw_rotation
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.completion.lidar_features import lidar_volume
from occlabel.stages.completion.lmscnet import LMSCNet
from occlabel.stages.completion.trained import Trained
from occlabel.stages.completion.weight_file import load_network, shipped_weights, weight_facts
from occlabel.stages.learning.odds import multiply_odds
from occlabel.stages.learning.weights import save_weights
from occlabel.stages.sensing.scan import Scan, moved

AROUND = Grid(origin=(-12.8, -12.8, -1.0), voxel_size=0.4, shape=(64, 64, 16), frame="ego")
SPACE = LabelSpace(AROUND, TAXONOMIES["occ3d"])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network: its output is arbitrary, but all of it is a function of the points."""
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = LMSCNet(AROUND, 18, 17)
    save_weights(path, network.state_dict(), weight_facts(SPACE) | {"temperature": "0.5"})
    return path


def cloud(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform([-14, -14, -1.5, 0], [14, 14, 6, 1], (4000, 4)).astype(np.float32)


def run(
    stage: Trained,
    points: list[np.ndarray | None],
    ego_from_lidar: np.ndarray | None = None,
    space: LabelSpace = SPACE,
) -> Arrays:
    mount = np.eye(4) if ego_from_lidar is None else ego_from_lidar
    frames = tuple(Frame(str(i), 0.0, np.eye(4), (), Sweep(Path(str(i)), mount, 0.0)) for i in range(len(points)))
    scans = {str(i): scan for i, scan in enumerate(points) if scan is not None}
    return contract.run(stage, space, log_of(frames), sensors=ScriptedSensors(scans))


def test_missing_scans_are_unknown_and_batches_change_nothing(weights: Path) -> None:
    points = [cloud(0), None, cloud(1), cloud(2), None]
    alone = run(Trained(weights=weights), points)
    for index, scan in enumerate(points):
        assert (alone["semantics"][index] == UNKNOWN).all() == (scan is None)
        assert alone["confidence"][index].any() == (scan is not None)
    together = run(Trained(weights=weights, batch=3), points)
    assert (alone["semantics"] == together["semantics"]).mean() > 0.9999
    difference = alone["confidence"].astype(int) - together["confidence"].astype(int)
    assert np.abs(difference).max() <= 1


def test_confidence_is_the_probability_of_the_class(weights: Path) -> None:
    result = run(Trained(weights=weights, mirror=False, intensity="trusted"), [cloud(3)])
    network, temperature = load_network(weights, SPACE)
    assert temperature == 0.5
    with torch.inference_mode():
        scores = network(torch.from_numpy(lidar_volume(Scan(cloud(3), np.zeros(3)), [], AROUND))[None])[0]
    best, class_id = (scores / temperature).softmax(dim=-1).max(dim=-1)
    assert (result["semantics"][0] == class_id.numpy()).mean() > 0.9999
    assert np.abs(result["confidence"][0] - best.numpy() * 255).max() < 1.5


def test_a_grid_that_ends_within_a_cell_is_served(tmp_path: Path) -> None:
    grid = Grid(origin=(-4.0, -4.0, -1.0), voxel_size=0.2, shape=(41, 39, 8), frame="ego")
    space, path = LabelSpace(grid, TAXONOMIES["occ3d"]), tmp_path / "fine.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = LMSCNet(grid, 18, 17).eval()
    save_weights(path, network.state_dict(), weight_facts(space) | {"temperature": "1"})
    volume = torch.from_numpy(lidar_volume(Scan(cloud(3), np.zeros(3)), [], grid))[None]
    with torch.inference_mode():
        mirrored = network(network.whole(volume).flip(3)).flip(2)[:, :41, :39]
        expected = ((network(volume) + mirrored) / 2)[0].argmax(dim=-1)
    found = run(Trained(weights=path, intensity="trusted"), [cloud(3)], space=space)["semantics"][0]
    assert found.shape == grid.shape and (found == expected.numpy()).mean() > 0.999


def test_a_mirrored_scene_has_mirrored_labels(weights: Path) -> None:
    points, shown = cloud(3), cloud(3)
    shown[:, 1] *= -1

    def asymmetry(stage: Trained) -> float:
        one, other = (run(stage, [scan])["confidence"].astype(int) for scan in (points, shown))
        return float((np.abs(one - other[:, :, ::-1]) > 1).mean())

    trusted = Trained(weights=weights, intensity="trusted")
    assert asymmetry(trusted) < 0.001 < asymmetry(trusted.model_copy(update={"mirror": False}))


def test_doubted_intensity_is_half_of_what_is_said(weights: Path) -> None:
    """Twice the margin of two classes is their margin with intensity and that without, as a sensor without any sees."""
    mute = cloud(3)
    mute[:, 3] = 0
    scores = {}
    network, _ = load_network(weights, SPACE)
    for name, points in (("shaded", cloud(3)), ("mute", mute)):
        volume = torch.from_numpy(lidar_volume(Scan(points, np.zeros(3)), [], AROUND))[None]
        with torch.inference_mode():
            scores[name] = network(volume)[0]
    assert not torch.equal(scores["shaded"], scores["mute"])
    for intensity, said in (
        ("ignored", scores["mute"]),
        ("trusted", scores["shaded"]),
        ("doubted", (scores["shaded"] + scores["mute"]) / 2),
    ):
        stage = Trained.model_validate({"weights": weights, "mirror": False, "intensity": intensity})
        found = run(stage, [cloud(3)])["semantics"][0]
        assert (found == said.argmax(dim=-1).numpy()).mean() > 0.9999


def test_memory_is_declared_for_the_points_of_other_sweeps() -> None:
    points, peaks = np.random.default_rng(0).uniform([3, -3, -1, 0], [4, 3, 2, 1], (20_000, 4)).astype(np.float32), []
    lidar_volume(Scan(points, np.zeros(3)), [], AROUND)  # what is compiled at first takes memory too
    for others in (10, 20):
        tracemalloc.start()
        sweeps = [moved(Scan(points, np.zeros(3)), np.eye(4)) for _ in range(others)]
        lidar_volume(sweeps[0], sweeps, AROUND)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    declared = [Trained(sweeps=sweeps).resources(SPACE, Rig(), 1).memory for sweeps in (5, 10)]
    used, told = (peaks[1] - peaks[0]) / (10 * len(points)), (declared[1] - declared[0]) / (10 * 250_000)
    assert told / 2 < used < told, "bytes of a point"


def test_points_are_moved_from_the_lidar_into_the_frame_of_the_grid(weights: Path) -> None:
    mount = yaw_rotation(-np.pi / 2)
    mount[:3, 3] = 0.9, 0.0, 1.8
    level = np.eye(4)
    level[:3, 3] = mount[:3, 3]
    scan = cloud(4)
    turned = scan.copy()
    turned[:, :3] = transform_points(inverse(mount) @ level, scan)
    stage = Trained(weights=weights)
    expected, found, elsewhere = (
        run(stage, [points], pose)["confidence"].astype(int)
        for points, pose in ((scan, level), (turned, mount), (scan, None))
    )
    assert (np.abs(expected - found) <= 1).mean() > 0.999
    assert (expected == elsewhere).mean() < 0.9


def test_weights_of_another_space_or_damaged_are_refused(weights: Path, tmp_path: Path) -> None:
    renamed = LabelSpace(AROUND, TAXONOMIES["semantickitti"])
    assert "was made for the classes" in (Trained(weights=weights).refuse(renamed, None) or "")
    with pytest.raises(BadWeights, match="was made for the classes"):
        Trained(weights=weights).setup(renamed, Rig(), Hands())
    with pytest.raises(BadWeights, match="was made for the grid"):
        coarser = AROUND.model_copy(update={"voxel_size": 0.5})
        Trained(weights=weights).setup(LabelSpace(coarser, TAXONOMIES["occ3d"]), Rig(), Hands())
    with pytest.raises(BadWeights, match="was made for the grid"):
        lower = AROUND.model_copy(update={"origin": (-12.8, -12.8, -1.5)})
        Trained(weights=weights).setup(LabelSpace(lower, TAXONOMIES["occ3d"]), Rig(), Hands())
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(BadWeights, match="not a readable weight file"):
        Trained(weights=broken).setup(SPACE, Rig(), Hands())
    other = tmp_path / "other.safetensors"
    save_weights(other, {"a": torch.zeros(1)}, weight_facts(SPACE) | {"network": "something else"})
    with pytest.raises(BadWeights, match="was made for the network something else"):
        Trained(weights=other).setup(SPACE, Rig(), Hands())


def test_a_grid_that_lies_a_voxel_lower_is_served(weights: Path) -> None:
    """Some releases of a data set put the bottom of the grid 0.2 m lower."""
    lower = AROUND.model_copy(update={"origin": (-12.8, -12.8, -1.2), "shape": (40, 80, 16)})
    network, _ = load_network(weights, LabelSpace(lower, TAXONOMIES["occ3d"]))
    assert network.heights == 16
    coarse = LabelSpace(GRIDS["semantickitti"].model_copy(update={"origin": (0.0, -25.6, -2.2)}), SPACE.taxonomy)
    with pytest.raises(BadWeights, match="was made for the grid"):
        load_network(weights, coarse)


def test_a_space_without_built_in_weights_is_refused_in_a_sentence() -> None:
    odd = LabelSpace(AROUND.model_copy(update={"voxel_size": 0.3}), TAXONOMIES["occ3d"])
    assert "no built-in weights for voxels of 0.3 m" in (Trained().refuse(odd, None) or "")
    for changed, said in (
        ({"origin": (-40.0, -40.0, 3.0)}, "16 of them on each other from z = 3 m up"),
        ({"shape": (200, 200, 20)}, "20 of them on each other from z = -1 m up"),
    ):
        other = LabelSpace(GRIDS["occ3d"].model_copy(update=changed), TAXONOMIES["occ3d"])
        refused = Trained().refuse(other, None) or ""
        assert "no built-in weights for voxels of 0.4 m in the ego frame, " + said in refused
        assert "there are some for voxels of 0.4 m in the ego frame, 16 of them on each other from z = -1 m" in refused
    mixed = LabelSpace(GRIDS["occ3d"], TAXONOMIES["semantickitti"])
    assert shipped_weights(mixed) is None


def test_weights_that_overflow_are_no_labels(weights: Path, tmp_path: Path) -> None:
    """Each is finite, and what comes of them is not."""
    network, _ = load_network(weights, SPACE)
    with torch.no_grad():
        for parameter in network.stem.parameters():
            parameter.fill_(1e30)
    wild = tmp_path / "wild.safetensors"
    save_weights(wild, network.state_dict(), weight_facts(SPACE))
    with pytest.raises(BadPredictions, match="frame 1: what the network makes of the scan is NaN or infinite"):
        run(Trained(weights=wild), [None, cloud(0)])


def test_odds_multiply_what_a_class_has_against_each_other(weights: Path) -> None:
    network, temperature = load_network(weights, SPACE)
    scores = torch.randn(50, 18)
    before = (scores / temperature).softmax(dim=1)
    bias = network.classify.bias.clone()
    multiply_odds(network.classify, temperature, {"trailer": 0.2, "car": 3.0}, SPACE.taxonomy)
    after = ((scores + network.classify.bias - bias) / temperature).softmax(dim=1)
    trailer, car, truck = (SPACE.taxonomy.names.index(name) for name in ("trailer", "car", "truck"))
    for one, other, times in ((trailer, truck, 0.2), (car, truck, 3.0), (car, trailer, 15.0)):
        ratio = (after[:, one] / after[:, other]) / (before[:, one] / before[:, other])
        np.testing.assert_allclose(ratio.detach(), times, rtol=1e-3)


def test_odds_are_heard_and_those_of_no_class_refused(weights: Path) -> None:
    for name, id_ in (("trailer", 9), ("bus", 3)):
        sure = run(Trained(weights=weights, odds={name: 1e30}), [cloud(0)])["semantics"]
        assert (sure == id_).all()
    refused = Trained(weights=weights, odds={"trailor": 0.1}).refuse(SPACE, None)
    assert refused is not None
    assert "has no class 'trailor' (did you mean 'trailer'?)" in refused
    with pytest.raises(ValueError, match="greater than 0"):
        Trained(weights=weights, odds={"trailer": 0.0})


def test_each_log_is_looked_at_by_weights_of_its_own(weights: Path, tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        other = LMSCNet(AROUND, 18, 17)
    save_weights(tmp_path / "a.safetensors", other.state_dict(), weight_facts(SPACE) | {"temperature": "0.5"})
    (tmp_path / "b.safetensors").write_bytes(weights.read_bytes())
    stage = Trained(weights=tmp_path / "{log}.safetensors", intensity="trusted")
    assert stage.files(SPACE) == () and stage.refuse(SPACE, None) is None
    frames = (Frame("0", 0.0, np.eye(4), (), Sweep(Path("0"), np.eye(4), 0.0)),)
    process, sensors = stage.setup(SPACE, Rig(), Hands()), ScriptedSensors({"0": cloud(0)})
    for name in ("a", "b", "a"):
        log = replace(log_of(frames), id=name)
        alone = stage.model_copy(update={"weights": tmp_path / f"{name}.safetensors"})
        expected = contract.run(alone, SPACE, log, sensors=sensors)["confidence"]
        clip = Clip(name, 0, 1)
        found = process(clip, contract.inputs_of(stage, log, clip, {}, sensors))["confidence"]
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(BadLog, match=r"log c: .*c\.safetensors.*leave the log out with --log, or adapt weights to it"):
        stage.doubts(SPACE, facts_of(replace(log_of(frames), id="c")))
    with pytest.raises(BadLog, match="cannot be in the name of a file"):
        stage.fingerprint_extra(SPACE, facts_of(replace(log_of(frames), id="..")))
