"""Two manifests against each other: the option, the weights, the log and the frames that differ, and nothing else."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import yaml

from occlabel.pipeline.published.diff.diff import VersionDiff, diff_versions
from occlabel.pipeline.published.diff.recipes import moved_places
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.schemas.version import (
    ArrayPlace,
    LogOrigin,
    Provenance,
    PublishedArray,
    StepOrigin,
    VersionFrame,
    VersionInfo,
    content_digest,
)
from occlabel.workers.store import Store

GRID = Grid(origin=(0.0, -4.0, -1.0), voxel_size=1.0, shape=(8, 8, 4), frame="lidar")
HALF = GRID.model_copy(update={"voxel_size": 0.5})
SPACE = LabelSpace(GRID, TAXONOMIES["semantickitti"])
RECIPE: dict[str, Any] = {
    "clip_frames": 16,
    "priors": {"depth": {"kind": "moge2", "stride": 4}},
    "completion": {"kind": "lmscnet", "weights": "/a/net.safetensors", "sweeps": 2},
    "voting": {"kind": "registration", "radius": 25},
    "instances": {"kind": "offsetocc", "peak": 0.5},
    "gates": {"min_known": 0.1},
}


@dataclass
class Made:
    """A version as it would be published: ``values`` of a frame stand for its voxels."""

    name: str = "v1"
    recipe: dict[str, Any] = field(default_factory=lambda: RECIPE)
    steps: dict[str, StepOrigin] = field(
        default_factory=lambda: {
            "completion": StepOrigin(version=3, files={"net.safetensors": "aa" * 16}),
            "voting": StepOrigin(version=7),
        }
    )
    logs: dict[str, LogOrigin] = field(
        default_factory=lambda: {log: LogOrigin(content=f"of {log}", geometry="g") for log in ("a", "b", "c")}
    )
    fingerprint: str = "f1"
    values: dict[tuple[str, int], str] = field(
        default_factory=lambda: {(log, n): "same" for log in "abc" for n in range(3)}
    )
    missing: dict[str, str] = field(default_factory=dict)
    damaged: dict[tuple[str, int], str] = field(default_factory=dict)
    space: LabelSpace = SPACE
    device: str | None = "cpu"
    also: tuple[str, ...] = ()
    """Arrays that it publishes beside the semantics, which are the same wherever it is made."""

    def version(self) -> PublishedVersion:
        rows = [
            VersionFrame(
                log=log, index=n, name=f"{n:06d}", damaged=(self.damaged[log, n],) if (log, n) in self.damaged else (),
                arrays={
                    "semantics": ArrayPlace(path=f"artifacts/voting/{self.fingerprint}/{log}/semantics", digest=v),
                    **{name: ArrayPlace(path=f"artifacts/audit/f/{log}/{name}", digest="same") for name in self.also},
                },
            )
            for (log, n), v in self.values.items()
        ]  # fmt: skip
        info = VersionInfo(
            name=self.name, created="2026-01-01T00:00:00+00:00", space=self.space, frames=len(rows),
            arrays={
                name: PublishedArray(stage="voting", facts=SEMANTICS.facts()) for name in ("semantics", *self.also)
            },
            logs=tuple(sorted({row.log for row in rows})), missing=self.missing, gates=(),
            content_digest=content_digest(rows),
            provenance=Provenance(
                code="0.2.0", recipe=yaml.safe_dump(self.recipe, sort_keys=False), steps=self.steps, logs=self.logs,
                device=self.device,
            ),
        )  # fmt: skip
        return PublishedVersion(Store("nowhere"), info, rows)


def of(**block: dict[str, Any]) -> dict[str, Any]:
    """The recipe with these blocks changed."""
    return {name: {**value, **block.get(name, {})} if name in block else value for name, value in RECIPE.items()}


def diff(**changes: Any) -> VersionDiff:
    """Of the version as it is, and with ``changes``."""
    return diff_versions(Made().version(), Made(name="v2", **changes).version())


def test_one_voting_option_and_one_corrupted_log_are_exactly_what_is_said() -> None:
    values = {(log, n): "same" if log == "b" and n else f"{log}{n} now" for log in "abc" for n in range(3)}
    found = diff(
        recipe=of(voting={"radius": 10}),
        logs={**Made().logs, "b": LogOrigin(content="another", geometry="g")},
        fingerprint="f2",
        values=values,
        damaged={("b", 2): "lidar: 000002.bin is truncated"},
    )
    assert list(found.sentences()) == [
        "voting.radius 25 -> 10",
        "log b: its content differs; could not be read now: 000002: lidar: 000002.bin is truncated",
        "made anew: 3 of 3 logs in both; frames with other values, of 9 in both: semantics 7",
    ]
    assert found.logs["a"].remade == {"semantics": ("voting.radius 25 -> 10",)}
    assert found.logs["b"].remade == {"semantics": ("voting.radius 25 -> 10", "the content of the log")}


def test_other_values_under_the_same_fingerprint_are_told() -> None:
    values = {place: "another" if place == ("b", 1) else value for place, value in Made().values.items()}
    (said,) = diff(values=values).sentences()
    assert said.startswith("frames with other values, of 9 in both: semantics 1, under the same fingerprints")


def test_an_array_that_only_one_has_holds_no_other_values() -> None:
    with_flow, values = Made(also=("flow",)).version(), {(log, n): f"{n} now" for log in "abc" for n in range(3)}
    other = Made(name="v2", fingerprint="f2", values=values, device=None).version()
    made_anew = "made anew: 3 of 3 logs in both; frames with other values, of 9 in both: semantics 9"
    for a, b, what in ((with_flow, other, "removed"), (other, with_flow, "added")):
        found = diff_versions(a, b)
        assert list(found.sentences())[:2] == [f"arrays {what}: flow", made_anew]
        assert found.facts()["frames_changed"] == {"semantics": 9}
    assert list(diff_versions(with_flow, Made().version()).sentences()) == ["arrays removed: flow"]


def test_a_gate_that_was_not_asked_is_off_and_no_option_that_there_is_not() -> None:
    gates = {"min_known": 0.1, "static": {"action": "block", "least": 0.9}, "against": "latest"}
    said = list(diff(recipe={**RECIPE, "gates": gates}).sentences())
    assert said[:3] == [
        "gates.static.action off -> block (decides no label)",
        "gates.static.least off -> 0.9 (decides no label)",
        "gates.against null -> latest (decides no label)",
    ]


def test_the_same_labels_are_the_same_whatever_else_changed() -> None:
    found = diff(recipe=of(gates={"min_known": 0.2}))
    assert list(found.sentences()) == [
        "gates.min_known 0.1 -> 0.2 (decides no label)",
        "they hold the same labels of the same frames",
    ]
    assert not found.remade


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipe": {k: v for k, v in RECIPE.items() if k != "instances"}}, "instances offsetocc -> left out"),
        ({"recipe": of(completion={"kind": "stored", "root": "/p"})}, "completion.kind lmscnet -> stored"),
        ({"recipe": {**RECIPE, "priors": {"depth": {"kind": "moge2", "stride": 2}}}}, "priors.depth.stride 4 -> 2"),
        ({"recipe": of(voting={"log_shift": True})}, "voting.log_shift (no such option) -> true"),
        (
            {"steps": {**Made().steps, "completion": StepOrigin(version=3, files={"net.safetensors": "bb" * 16})}},
            f"weights of completion: net.safetensors {'aa' * 8} -> {'bb' * 8}",
        ),
        ({"steps": {**Made().steps, "voting": StepOrigin(version=8)}}, "code of voting: version 7 -> 8"),
        ({"device": "cuda"}, "device cpu -> cuda"),
        ({"space": LabelSpace(GRID, TAXONOMIES["occ3d"])}, "classes that only one has: "),
        ({"space": LabelSpace(HALF, SPACE.taxonomy)}, "grid.voxel_size 1.0 -> 0.5"),
    ],
)  # fmt: skip
def test_whatever_decides_labels_is_named(changes: dict[str, Any], said: str) -> None:
    (first, *_) = diff(**changes).sentences()
    assert first.startswith(said)


def test_weights_that_only_lie_elsewhere_are_no_change() -> None:
    assert not diff(recipe=of(completion={"weights": "/b/net.safetensors"})).changes


def test_where_predictions_lie_decides_no_label_and_what_they_say_does() -> None:
    def labelled(name: str, said: str, **completion: str | None) -> PublishedVersion:
        log = LogOrigin(content="c", geometry="g", extra={"completion": said})
        return Made(name, {**RECIPE, "completion": completion}, logs={"a": log}).version()

    monday = labelled("v1", "one", kind="stored", path="/monday")
    moved = "completion.path /monday -> /tuesday (decides no label)"
    for said, also in (("one", []), ("other", ["log a: its input of completion differs"])):
        tuesday = labelled("v2", said, kind="stored", path="/tuesday")
        assert list(diff_versions(monday, tuesday).sentences())[:-1] == [moved, *also]
        assert [change.what for change in moved_places(monday.info, tuesday.info)] == ["completion.path"]
    gated = Made("v2", {**RECIPE, "gates": {"min_known": 0.2}}).version()
    assert moved_places(Made("v1").version().info, gated.info) == [], "gates are no place"
    none = labelled("v1", "", kind="accumulated", boxes=None)
    some = labelled("v2", "", kind="accumulated", boxes="/boxes")
    assert next(diff_versions(none, some).sentences()) == "completion.boxes null -> /boxes"


def test_what_comes_after_the_writer_of_an_array_is_no_reason_for_it() -> None:
    values = {(log, n): "other" for log in "abc" for n in range(3)}
    found = diff(recipe=of(instances={"peak": 0.9}), fingerprint="f2", values=values)
    assert found.logs["a"].remade == {"semantics": ()}
    assert "nobody says why these were made anew: a, b, c" in list(found.sentences())[-1]


def test_logs_and_frames_that_came_or_went_are_named_with_the_reason() -> None:
    values = {(log, n): "same" for log in "abd" for n in range(3) if (log, n) != ("a", 1)}
    missing = {"a frame 000001": "nothing is known of any voxel", "c": "log c has no poses"}
    found = diff(values=values, missing=missing)
    assert list(found.sentences()) == [
        "log a: frame 000001 is missing now (nothing is known of any voxel)",
        "logs removed: c (log c has no poses)",
        "logs added: d",
    ]
    assert found.frames == 5 and found.added == {"d": 3}


def test_a_version_that_kept_nothing_of_its_logs_says_so() -> None:
    found = diff(logs={}, steps={}, device=None, fingerprint="f2", values={("a", 0): "other"})
    assert not found.traced
    assert "keeps no digests of logs, weights and code" in list(found.sentences())[-1]


def test_text_that_is_no_recipe_is_no_hindrance() -> None:
    before = Made().version()
    for text in ("voting: [", "no recipe", "", "priors: 7"):
        told = before.info.provenance.model_copy(update={"recipe": text})
        other = PublishedVersion(before.store, before.info.model_copy(update={"provenance": told}), [])
        assert diff_versions(before, other).removed.keys() == {"a", "b", "c"}


def test_the_facts_are_plain() -> None:
    facts = diff(recipe=of(voting={"radius": 10}), fingerprint="f2").facts()
    assert facts["changes"] == [{"what": "voting.radius", "a": 25, "b": 10, "step": "voting", "decides_labels": True}]
    assert (facts["frames_in_both"], facts["frames_changed"], np.size(facts["logs_added"])) == (9, {}, 1)
