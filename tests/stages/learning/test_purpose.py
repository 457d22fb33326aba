"""What the header of a weight file says is believed only where it can be so; and before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from contract import SPACES

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Stage
from occlabel.stages import completion as completion_room
from occlabel.stages import instances as instances_room
from occlabel.stages import propagation as propagation_room
from occlabel.stages.completion import drocc as drocc_room
from occlabel.stages.completion import occany as occany_room
from occlabel.stages.completion.trained import Trained
from occlabel.stages.completion.weight_file import weight_facts
from occlabel.stages.instances.learned import ObjectQueries
from occlabel.stages.instances.weight_file import purpose as objects_purpose
from occlabel.stages.learning.purpose import temperature_of
from occlabel.stages.learning.weight_header import check_content
from occlabel.stages.learning.weights import save_weights
from occlabel.stages.priors import glance as glance_room
from occlabel.stages.propagation.stage import LocalPropagation
from occlabel.stages.propagation.weight_file import purpose

SPACE = SPACES["occ3d"]
GOOD: dict[type[Stage], dict[str, str]] = {
    Trained: weight_facts(SPACE) | {"temperature": "1.1"},
    LocalPropagation: purpose(SPACE)
    | {"temperature": "1.1", "parts": '{"transformer": true}', "reach": '{"local": 4}'},
    ObjectQueries: objects_purpose(SPACE) | {"lattice": '{"pitch": 0.4, "length": 12.8, "height": 4.4}'},
}


@pytest.mark.parametrize("kind", GOOD)
def test_facts_that_are_as_they_should_be(tmp_path: Path, kind: type[Stage]) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, {"a": torch.zeros(1)}, GOOD[kind])
    assert kind.model_validate({"weights": path}).refuse(SPACE, None) is None


@pytest.mark.parametrize(
    ("kind", "fact", "said"),
    [
        (Trained, "temperature", "warm"),
        (Trained, "temperature", "nan"),
        (Trained, "temperature", "0"),
        (Trained, "grid", "no JSON"),
        (Trained, "grid", "[]"),
        (Trained, "network", None),
        (LocalPropagation, "temperature", "-1"),
        (LocalPropagation, "parts", None),
        (LocalPropagation, "parts", '{"transformer": "yes"}'),
        (LocalPropagation, "parts", '{"wheels": true}'),
        (LocalPropagation, "reach", "no JSON"),
        (LocalPropagation, "reach", '{"local": 4.5}'),
        (LocalPropagation, "reach", "[4, 2]"),
        (LocalPropagation, "classes", None),
        (ObjectQueries, "lattice", None),
        (ObjectQueries, "lattice", '{"pitch": 0.4}'),
        (ObjectQueries, "lattice", '{"pitch": 0, "length": 12.8, "height": 4.4}'),
        (ObjectQueries, "lattice", '{"pitch": 1e-9, "length": 12.8, "height": 4.4}'),
        (ObjectQueries, "lattice", '{"pitch": NaN, "length": 12.8, "height": 4.4}'),
    ],
)
def test_facts_that_cannot_be_so_are_refused_by_the_plan(
    tmp_path: Path, kind: type[Stage], fact: str, said: str | None
) -> None:
    path = tmp_path / "w.safetensors"
    facts = {name: value for name, value in GOOD[kind].items() if name != fact} | ({fact: said} if said else {})
    save_weights(path, {"a": torch.zeros(1)}, facts)
    refused = kind.model_validate({"weights": path}).refuse(SPACE, None)
    assert refused is not None and str(path) in refused and fact in refused


def test_a_temperature_that_nobody_fitted_is_one() -> None:
    assert temperature_of(Path("w"), {}) == 1
    with pytest.raises(BadWeights, match="'inf', expected a positive number"):
        temperature_of(Path("w"), {"temperature": "inf"})


@pytest.mark.parametrize(
    ("room", "files"),
    [
        (completion_room, 2),
        (drocc_room, 1),
        (occany_room, 1),
        (propagation_room, 3),
        (instances_room, 2),
        (glance_room, 1),
    ],
)
def test_shipped_weights_are_what_their_sums_say(room: object, files: int, tmp_path: Path) -> None:
    folder = Path(str(room.__file__)).parent / "weights"  # type: ignore[attr-defined]
    shipped = sorted(folder.glob("*.safetensors"))
    sums = (folder / "SHA256SUMS").read_text()
    assert len(shipped) == files and all(f"  {path.name}\n" in sums for path in shipped)
    for path in shipped:
        check_content(path)
    damaged = bytearray(shipped[0].read_bytes())
    damaged[-1000] ^= 1
    (tmp_path / "SHA256SUMS").write_text(sums)
    (tmp_path / shipped[0].name).write_bytes(damaged)
    with pytest.raises(BadWeights, match="not what was written"):
        check_content(tmp_path / shipped[0].name)
