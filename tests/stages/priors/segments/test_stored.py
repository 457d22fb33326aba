"""Segments from files: read to the bit, missing ones stay unknown, wrong ones are named."""

from pathlib import Path

import numpy as np
import pytest
from contract import FRAMES, SPACES, facts_of, run, street
from PIL import Image
from pydantic import ValidationError

from occlabel.schemas.arrays import SEGMENT_CLASS, SEGMENT_INSTANCE, SEGMENT_SCORE
from occlabel.schemas.errors import BadLog, BadPredictions, DamagedFile, OcclabelError
from occlabel.stages.priors.segments.stored import StoredSegments

SPACE = SPACES["semantickitti"]
DRAW = np.random.default_rng(0)
CLASSES = np.where(DRAW.random((46, 80)) < 0.2, 255, DRAW.integers(0, 20, (46, 80))).astype(np.uint8)
"""Of an image as the street has them."""


def stage(folder: Path, suffix: str = ".png", **options: float) -> StoredSegments:
    return StoredSegments(path=folder / "{log}/{camera}" / f"{{frame}}{suffix}", **options)


def put(folder: Path, camera: str, frame: int, suffix: str = ".png", **arrays: np.ndarray) -> Path:
    file = folder / "log" / camera / f"{frame:06d}{suffix}"
    file.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".png":
        Image.fromarray(arrays["classes"]).save(file)
    else:
        np.savez_compressed(file, **{name.replace("classes", "class"): array for name, array in arrays.items()})
    return file


def test_every_fourth_pixel_is_taken_as_it_is(tmp_path: Path) -> None:
    instances, scores = DRAW.integers(0, 60000, (46, 80)), DRAW.integers(0, 256, (46, 80))
    put(tmp_path, "front", 2, ".npz", classes=CLASSES, instance=instances, score=scores)
    log, _ = street()
    found = run(stage(tmp_path, ".npz"), SPACE, log)
    known = CLASSES[::4, ::4] != 255
    expected = {
        SEGMENT_CLASS.on("front").name: CLASSES[::4, ::4],
        SEGMENT_INSTANCE.on("front").name: np.where(known, instances[::4, ::4], 0),
        SEGMENT_SCORE.on("front").name: np.where(known, scores[::4, ::4], 0),
    }
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name][2], array)
    others = np.delete(found["segment_class/front"], 2, axis=0)
    assert (others == 255).all() and (found["segment_class/back"] == 255).all() and others.shape == (FRAMES - 1, 12, 20)


def test_a_png_says_classes_alone(tmp_path: Path) -> None:
    put(tmp_path, "back", 0, classes=CLASSES)
    palette = Image.fromarray(CLASSES, "L").convert("P")
    palette.putdata(CLASSES.ravel().tolist())
    put(tmp_path, "back", 1, classes=CLASSES)
    palette.save(tmp_path / "log/back/000001.png")
    found = run(stage(tmp_path, score=0.5), SPACE, street()[0])
    for frame in (0, 1):
        np.testing.assert_array_equal(found["segment_class/back"][frame], CLASSES[::4, ::4])
    np.testing.assert_array_equal(found["segment_score/back"][0], np.where(CLASSES[::4, ::4] == 255, 0, 128))
    assert not found["segment_instance/back"].any()


def test_the_plan_says_what_is_missing_and_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    facts, known = facts_of(street()[0]), stage(tmp_path)
    with pytest.raises(BadLog, match=r"none of its 12 images has a file .* would be .*log/front/000000\.png"):
        known.doubts(SPACE, facts)
    before = known.fingerprint_extra(SPACE, facts)
    file = put(tmp_path, "front", 0, classes=CLASSES)
    assert "11 of 12 images have no file and stay unknown" in (known.doubts(SPACE, facts) or "")
    after = known.fingerprint_extra(SPACE, facts)
    moved = put(tmp_path, "front", 1, classes=CLASSES)
    file.unlink()
    assert len({before, after, known.fingerprint_extra(SPACE, facts)}) == 3
    put(tmp_path, "front", 0, classes=CLASSES)
    moved.unlink()
    assert known.fingerprint_extra(SPACE, facts) == after
    for camera in ("front", "back"):
        for frame in range(FRAMES):
            put(tmp_path, camera, frame, classes=CLASSES)
    assert known.doubts(SPACE, facts) is None


@pytest.mark.parametrize(
    ("suffix", "arrays", "error", "said"),
    [
        (".png", {"classes": CLASSES[:40]}, DamagedFile, "is 80x40, the image is 80x46"),
        (".png", {"classes": np.stack([CLASSES] * 3, 2)}, DamagedFile, "pixels of the mode RGB"),
        (
            ".png",
            {"classes": np.full((46, 80), 20, np.uint8)},
            BadPredictions,
            "the id 20 at row 0, column 0; sem",
        ),
        (".npz", {"classes": CLASSES[:40]}, DamagedFile, r"class is \[40, 80\], expected \[46, 80\]"),
        (".npz", {"instance": CLASSES}, DamagedFile, "no array 'class', only instance"),
        (".npz", {"classes": CLASSES, "score": CLASSES / 255}, DamagedFile, "score is float64, expected integers"),
    ],
)
def test_a_file_that_is_something_else_is_named(
    tmp_path: Path, suffix: str, arrays: dict[str, np.ndarray], error: type[OcclabelError], said: str
) -> None:
    file, known = put(tmp_path, "front", 4, suffix, **arrays), stage(tmp_path, suffix)
    with pytest.raises(BadLog, match=said) as raised:
        known.doubts(SPACE, facts_of(street()[0]))
    assert str(file) in str(raised.value)
    if error is BadPredictions:
        with pytest.raises(error, match=said):
            run(known, SPACE, street()[0])


@pytest.mark.parametrize("suffix", [".png", ".npz"])
def test_a_file_that_cannot_be_read_costs_its_frame_and_is_named_by_the_plan(tmp_path: Path, suffix: str) -> None:
    files = [put(tmp_path, "front", frame, suffix, classes=CLASSES) for frame in range(FRAMES)]
    files[0].write_bytes(b"")
    files[2].write_bytes(files[2].read_bytes()[:200])
    said = stage(tmp_path, suffix).doubts(SPACE, facts_of(street()[0])) or ""
    assert f"2 of {FRAMES} files cannot be read, and their images stay unknown" in said
    assert f"{files[0]} is empty; write it again; and 1 more" in said
    front = run(stage(tmp_path, suffix), SPACE, street()[0])["segment_class/front"]
    assert [bool((frame == 255).all()) for frame in front] == [n in (0, 2) for n in range(FRAMES)]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{log}/{camera}.png", "one file for all frames; write {frame}"),
        ("{log}/{sensor}/{frame}.png", r"names \{sensor\}; a path can name"),
        ("{log}/{fram}.png", r"did you mean 'frame'\?"),
        ("{log}/{frame}.jpg", r"ends in \.jpg; files of \.png or \.npz are read"),
    ],
)
def test_a_path_that_cannot_be_meant_is_refused(path: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        StoredSegments(path=Path(path))


def test_names_of_a_log_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    facts = facts_of(street()[0]).model_copy(update={"id": ".."})
    with pytest.raises(BadLog, match=r"log '\.\.'.* cannot be in the name of a file"):
        stage(tmp_path).doubts(SPACE, facts)


@pytest.mark.parametrize(
    ("classes", "said"),
    [(CLASSES[:40], "is 80x40, the image is 80x46"), (np.full((46, 80), 77, np.uint8), "holds the id 77 at row 0")],
)
def test_files_that_cannot_be_used_are_named_by_the_plan(tmp_path: Path, classes: np.ndarray, said: str) -> None:
    put(tmp_path, "back", 1, classes=classes)
    with pytest.raises(BadLog, match=said):
        stage(tmp_path).doubts(SPACE, facts_of(street()[0]))
