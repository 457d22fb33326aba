"""``occlabel fetch-weights`` against a hub of 127.0.0.1: what it says, what it fetches, and what it refuses to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub, serving
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.planning.recipe_file import load_recipe

hub_client = pytest.importorskip("huggingface_hub")

MOGE, DINO, SAM = "Ruicheng/moge-2-vitl-normal", "IDEA-Research/grounding-dino-base", "facebook/sam2.1-hiera-large"

Fetch = Callable[..., tuple[int, str]]


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As HF_ENDPOINT does, which the client reads when it is imported."""
    monkeypatch.setattr(hub_client.constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(hub_client.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    models = {}
    for name, files in {
        MOGE: {"model.pt": 5000, "README.md": 30, "figure.png": 99},
        DINO: {"model.safetensors": 700, "config.json": 40, "vocab.txt": 60, "pytorch_model.bin": 800},
        SAM: {"model.safetensors": 600, "config.json": 40, "processor_config.json": 50, "sam2.1_hiera_large.pt": 900},
    }.items():
        models[name] = tmp_path / "served" / name
        models[name].mkdir(parents=True)
        for file, size in files.items():
            (models[name] / file).write_bytes(bytes((7 * n + len(file)) % 251 for n in range(size)))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    with serving(FakeHub(models)) as hub:
        point_at(hub.url, monkeypatch)
        yield hub


@pytest.fixture
def fetch(hub: FakeHub) -> Fetch:
    def run(*arguments: object) -> tuple[int, str]:
        typed = ["fetch-weights", *map(str, arguments)]
        result = CliRunner().invoke(app, typed)
        return result.exit_code, " ".join((result.output + str(result.exception or "")).split())

    return run


def test_each_model_is_named_with_licence_and_sizes_and_only_what_is_loaded_is_fetched(
    hub: FakeHub, fetch: Fetch, tmp_path: Path
) -> None:
    hub.licences[SAM] = "cc-by-nc-4.0"  # ours is known by its name
    code, said = fetch("nuscenes_vfm")
    assert code == 0, said
    for name, licence in ((MOGE, "mit"), (DINO, "apache-2.0"), (SAM, "apache-2.0")):
        assert f"{hub.url}/{name} revision {hub.commit(name)} (main) licence {licence}" in said
    assert "5.0 kB model.pt" in said and "5.0 kB in all" in said
    wanted = {"README.md", "model.pt", "model.safetensors", "config.json", "vocab.txt", "processor_config.json"}
    assert {file for file, _ in hub.sent} == wanted
    pins = [f"priors.depth.revision={hub.commit(MOGE)}", f"priors.segments.segmenter_revision={hub.commit(SAM)}"]
    assert all(f"--set {pin}" in said for pin in pins)
    stage = load_recipe("nuscenes_vfm", pins).priors["depth"]
    assert getattr(stage, "revision", None) == hub.commit(MOGE)
    for revision in (None, hub.commit(MOGE)):  # a run finds it by the branch and by the commit
        folder = tmp_path / f"hub/models--{MOGE.replace('/', '--')}/snapshots/{hub.commit(MOGE)}"
        assert hub_client.snapshot_download(MOGE, revision=revision, local_files_only=True, cache_dir=tmp_path / "hub")
        assert (folder / "model.pt").read_bytes() == (hub.models[MOGE] / "model.pt").read_bytes()
    before = len(hub.sent)
    assert fetch("nuscenes_vfm")[0] == 0 and len(hub.sent) == before, "what is there is not fetched again"


def test_a_folder_gets_the_files_and_the_recipe_names_it(hub: FakeHub, fetch: Fetch, tmp_path: Path) -> None:
    code, said = fetch("nuscenes_vfm", "--to", tmp_path / "weights")
    assert code == 0 and f"--set priors.segments.detector={tmp_path}/weights/{DINO}" in said
    assert (tmp_path / "weights" / DINO / "vocab.txt").stat().st_size == 60
    assert not (tmp_path / "hub").exists()
    depth = f"priors.depth.weights={tmp_path}/weights/{MOGE}"
    others = [f"priors.segments.{name}={tmp_path}/weights/{DINO}" for name in ("detector", "segmenter")]
    code, said = fetch("nuscenes_vfm", *(word for one in (depth, *others) for word in ("--set", one)))
    assert code == 0 and "is a folder on this machine, nothing to fetch" in said
    assert "names no weights on the hub" in said


def test_a_transfer_that_breaks_off_goes_on_where_it_was(
    hub: FakeHub, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hub_client.constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.cut["model.pt"] = 2500
    assert fetch("nuscenes_vfm")[0] == 0
    assert [asked for file, asked in hub.sent if file == "model.pt"] == [None, "bytes=2000-"]
    [kept] = (tmp_path / "hub").glob("models--Ruicheng*/snapshots/*/model.pt")
    assert kept.read_bytes() == (hub.models[MOGE] / "model.pt").read_bytes()


def test_what_is_not_what_the_hub_states_is_not_kept(hub: FakeHub, fetch: Fetch, tmp_path: Path) -> None:
    for file in ("model.pt", "vocab.txt"):  # a large file, and one that git holds
        hub.altered = {file}
        code, said = fetch("nuscenes_vfm")
        assert code != 0 and f"{file} is not the file that the hub has" in said and "run the same command again" in said
        assert not list((tmp_path / "hub").rglob(file))
    hub.altered = set()
    assert fetch("nuscenes_vfm")[0] == 0


def test_non_commercial_weights_are_named_before_anything_is_fetched(
    hub: FakeHub, fetch: Fetch, tmp_path: Path
) -> None:
    hub.models["somebody/eyes"], hub.licences["somebody/eyes"] = hub.models[MOGE], "cc-by-nc-4.0"
    hub.models["somebody/silent"] = hub.models[DINO]
    hub.altered = {"README.md"}
    sets = ("--set", "priors.depth.weights=somebody/eyes", "--set", "priors.segments.detector=somebody/silent")
    _, said = fetch("nuscenes_vfm", *sets)
    assert "licence cc-by-nc-4.0: labels made with it are for NON-COMMERCIAL use" in said
    assert "licence not stated: read its page before you use it" in said
    assert said.index("NON-COMMERCIAL") < said.index("README.md is not the file")


def test_what_the_hub_does_not_give_is_a_sentence(
    hub: FakeHub, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(*sets: str) -> str:
        code, said = fetch("nuscenes_vfm", *(word for one in sets for word in ("--set", one)))
        assert code == 1
        return said

    assert "has no model Ruicheng/moge-3" in refused("priors.depth.weights=Ruicheng/moge-3")
    assert f"{MOGE} on the hub has no revision v9" in refused("priors.depth.revision=v9")
    assert "the folder of weights" in refused("priors.depth.weights=./nowhere")
    (hub.models[SAM] / "model.safetensors").unlink()
    assert f"{SAM} on the hub has no safetensors" in refused()
    hub.gated = (MOGE,)
    (hub.models[SAM] / "model.safetensors").write_bytes(b"again")
    assert "accept its conditions" in refused()
    point_at("http://127.0.0.1:9", monkeypatch)
    assert "cannot be fetched from http://127.0.0.1:9" in refused() and "check the network" in refused()
    monkeypatch.setattr(hub_client.constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused()


def test_a_recipe_without_weights_of_the_hub_needs_none(fetch: Fetch) -> None:
    assert fetch("nuscenes_lidar") == (0, "recipe nuscenes_lidar names no weights on the hub")
