"""Options that say where something lies: the place decides nothing, and all that lies there for a log does."""

from pathlib import Path
from typing import Any

import pytest
from contract import SPACES, facts_of, street

from occlabel.pipeline.planning.fingerprint import onboard_name, stage_digest
from occlabel.pipeline.planning.kinds import KINDS, stage_class
from occlabel.schemas.stage import Stage, places_of

SPACE, FACTS = SPACES["semantickitti"], facts_of(street()[0])
BOXES = "corrections: [{{frame: '000000', wrong: extraneous, box: {{centre: [{}, 0, 0], size: [1, 1, 1]}}}}]"
Files = dict[str, str]

OPTIONS: dict[tuple[str, str], tuple[str, tuple[Files, Files]]] = {
    ("priors", "stored_depth"): ("{camera}/{frame}.png", ({"front/000001.png": "{}"}, {"back/000002.png": "{}"})),
    ("priors", "stored_segments"): ("{camera}/{frame}.npz", ({"front/000001.npz": "{}"}, {"back/000002.npz": "{}"})),
    ("geometry", "stored"): (
        "{log}",
        ({"log/cameras.txt": "1 PINHOLE 80 46 6{} 60 40 23"}, {"log/images.txt": "1 1 0 0 0 {} 0 0 1 000000.png"}),
    ),
    ("completion", "stored"): ("", ({"sequences/log/predictions/1.label": "{}"}, {"000002.npz": "{}"})),
    ("completion", "accumulated"): (
        "",
        ({"sequences/log/boxes.txt": "{}"}, {"v1.0-trainval/sample_annotation.json": "{}"}),
    ),
    ("review", "corrections"): ("", ({"log/boxes.yaml": BOXES}, {"log/000002.npz": "{}"})),
}
"""Slot and kind -> what its place ends in, and layouts of files that a log has there, whose text has a number."""


def stages(root: Path, slot: str, kind: str, files: Files, number: int) -> Stage:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text.format(number))
    kind_of = stage_class(slot, kind)
    (option,) = places_of(kind_of)
    fields: dict[str, Any] = {option: root / OPTIONS[slot, kind][0]}
    return kind_of(**fields)


def test_every_kind_whose_place_does_not_count_is_looked_at() -> None:
    marked = {(slot, kind) for slot, kinds in KINDS.items() for kind in kinds if places_of(stage_class(slot, kind))}
    assert marked == set(OPTIONS)


@pytest.mark.parametrize(("slot", "kind"), OPTIONS)
@pytest.mark.parametrize("layout", [0, 1])
def test_what_lies_elsewhere_is_the_same_and_another_content_is_not(
    tmp_path: Path, slot: str, kind: str, layout: int
) -> None:
    files = OPTIONS[slot, kind][1][layout]
    first, moved, other = (
        stages(tmp_path / name, slot, kind, files, number) for name, number in (("a", 1), ("b", 1), ("c", 2))
    )
    assert stage_digest(first, SPACE, 16, "cpu") == stage_digest(moved, SPACE, 16, "cpu")
    assert first.fingerprint_extra(SPACE, FACTS) == moved.fingerprint_extra(SPACE, FACTS)
    assert first.fingerprint_extra(SPACE, FACTS) != other.fingerprint_extra(SPACE, FACTS)


def test_whether_there_is_a_place_counts_and_where_the_labels_of_points_lie(tmp_path: Path) -> None:
    """How points of lidarseg are read depends on a table beside them, of which no log tells."""
    kind = stage_class("completion", "accumulated")
    fields: list[dict[str, Any]] = [{}, {"boxes": tmp_path}, {"labels": tmp_path}, {"labels": tmp_path / "b"}]
    assert len({stage_digest(kind(**options), SPACE, 16, "cpu") for options in fields}) == 4


def test_predictions_of_two_folders_may_be_of_two_models(tmp_path: Path) -> None:
    kind = stage_class("completion", "stored")
    fields: list[dict[str, Any]] = [{"path": tmp_path / "a"}, {"path": tmp_path / "b"}]
    assert len({onboard_name(kind(**options), SPACE) for options in fields}) == 2
