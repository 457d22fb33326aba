"""A report of versions of which every voxel is known: what the page says and holds, and that it asks for nothing."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html import unescape
from pathlib import Path
from typing import Any

import made_up_town as town
import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from reported import CAR, GRID, SPACE, published, volume
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.cli.compare import voxel_table
from occlabel.pipeline.delivery.pictures.reliability import draw_reliability
from occlabel.pipeline.delivery.report.charts import reliability_chart
from occlabel.pipeline.delivery.report.gather import Sources, gather
from occlabel.pipeline.delivery.report.look import apart
from occlabel.pipeline.delivery.report.page import page
from occlabel.pipeline.delivery.report.tables import change_table
from occlabel.pipeline.delivery.report.volumes import UNSCORED
from occlabel.pipeline.published.same_drive import scan_bytes
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.compare.compare import compare
from occlabel.pipeline.quality.evaluate import evaluate
from occlabel.pipeline.running.history import StageProgress, new_state, write_state
from occlabel.pipeline.running.quarantine import QuarantineEntry, write_entry
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, LabelClass, Taxonomy
from occlabel.stages.evaluation.reliability import Reliability
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.town.writers.kitti import write_kitti

EVIL_LOG, EVIL_CLASS = "<script>alert(1)<b>", "</script><img src=x onerror=alert(2)>"


def data_of(text: str) -> dict[str, Any]:
    """What the page's script reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found is not None
    return json.loads(found[1])


def inflated(text: str, grid: Grid = GRID) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(grid.shape)


def test_a_page_holds_its_frames_and_asks_for_nothing(tmp_path: Path) -> None:
    cars = {("00", "000000"): 4, ("00", "000001"): 1, ("01", "000000"): 2}
    text = page(gather(published(tmp_path / "s", "v1", cars).spec, Sources(frames=2)))
    frames = data_of(text)["frames"]
    found = [(frame["log"], frame["name"]) for frame in frames]
    assert found == [("01", "000000"), ("00", "000001")], "the least sure of each log"
    np.testing.assert_array_equal(inflated(frames[0]["volumes"]["now"]), volume(2))
    assert "is less than half sure" in frames[0]["why"]
    assert not re.search(r"https?://|src=\"(?!data:)|href=\"(?!data:)|@import|fetch\(|XMLHttpRequest|WebSocket", text)
    assert "default-src 'none'" in text


def test_names_of_logs_and_classes_stay_text(tmp_path: Path) -> None:
    classes = (*SPACE.taxonomy.classes[:-1], LabelClass(id=19, name=EVIL_CLASS, colour=(1, 2, 3)))
    space = LabelSpace(GRID, Taxonomy(name="evil", free_id=0, classes=classes))
    text = page(gather(published(tmp_path / "s", "v1", {(EVIL_LOG, "0"): 1}, space).spec, Sources()))
    assert EVIL_LOG in unescape(text) and EVIL_CLASS in unescape(text)
    assert EVIL_LOG not in text and EVIL_CLASS not in text
    assert text.count("</script>") == 3 and "<img" not in text
    assert data_of(text)["space"]["names"][19] == EVIL_CLASS


def test_what_changed_is_shown_and_nothing_is_invented(tmp_path: Path) -> None:
    before = published(tmp_path / "a", "v1", {("00", "000000"): 4, ("00", "000001"): 4, ("01", "000000"): 4})
    after = published(tmp_path / "b", "v2", {("00", "000000"): 4, ("00", "000001"): 1, ("01", "000000"): 2})
    text = page(gather(after.spec, Sources(against=before.spec)))
    data = data_of(text)
    assert [(frame["log"], frame["name"]) for frame in data["frames"]] == [("00", "000001"), ("01", "000000")]
    np.testing.assert_array_equal(inflated(data["frames"][0]["volumes"]["before"]), volume(4))
    assert np.sum(data["heat"]["changed"]) == pytest.approx((18 + 12) / 3, abs=0.01)
    same = page(gather(after.spec, Sources(against=after.spec)))
    doubtful = [(frame["log"], frame["name"]) for frame in data_of(same)["frames"]]
    assert doubtful[0] == ("01", "000000") and len(doubtful) == 3, "where nothing changed, the least sure"
    assert data_of(same)["heat"] is None and "they hold the same labels of the same frames" in same


KITTI = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])


def beside_truth(root: Path) -> tuple[PublishedVersion, Path]:
    """A version whose second frame is wrong, and the folder of its truth, without its highest voxels."""
    truth = root / "truth/sequences/00/voxels"
    truth.mkdir(parents=True)
    invalid = np.zeros(KITTI.grid.shape, bool)
    invalid[:, :, 31] = True
    for name in ("000000", "000005"):
        semantickitti.write_volume(truth / f"{name}.label", KITTI.taxonomy.to_raw[volume(2, KITTI.grid)])
        semantickitti.write_flags(truth / f"{name}.invalid", invalid)
    return published(root / "s", "v1", {("00", "000000"): 2, ("00", "000005"): 3}, KITTI), truth


def test_figures_are_those_of_evaluate_and_the_worst_frame_comes_first(tmp_path: Path) -> None:
    version, _ = beside_truth(tmp_path)
    report = gather(version.spec, Sources(truth=tmp_path / "truth"))
    scores = evaluate(version, tmp_path / "truth").facts()["scores"]
    assert report.measures == scores
    text = page(report)
    assert f"{100 * scores['51.2']['miou']:.1f}</b> <span>mIoU" in text
    frames = data_of(text)["frames"]
    assert [frame["name"] for frame in frames] == ["000005", "000000"]
    true = inflated(frames[0]["volumes"]["truth"], KITTI.grid)
    assert (true[:, :, 31] == UNSCORED).all() and true[4, 6, 1] == CAR
    other = gather(published(tmp_path / "o", "v1", {("00", "000000"): 2}).spec, Sources(truth=tmp_path / "truth"))
    assert "the truth is not drawn: it has other voxels or classes than the version" in other.notes


def test_what_turns_out_while_frames_are_drawn_is_on_the_page_and_the_screen_once(tmp_path: Path) -> None:
    version, truth = beside_truth(tmp_path)
    (truth / "000005.label").write_bytes(b"torn")
    rig = town.rig("kitti", ("image_2",))
    write_kitti("07", town.frames(rig, 2, truth=False), rig, tmp_path / "others")
    out = tmp_path / "report.html"
    asked = ["report", version.spec, "--out", str(out), "--truth", str(tmp_path / "truth"), "--executor", "local"]
    told = CliRunner().invoke(app, [*asked, "--logs", str(tmp_path / "others")], catch_exceptions=False)
    text = unescape(out.read_text(encoding="utf-8"))
    lacking = f"the cameras of log 00 are not drawn: {tmp_path / 'others'} has no sequence '00'; it has 07"
    for said in (f"{truth / '000005.label'} has 4 bytes", lacking):
        assert told.stderr.count(f"occlabel: {said}") == 1, told.stderr
        assert text.count(f'<p class="note">{said}') == 1
    beside = ["compare", version.spec, version.spec, "--truth", asked[5], "--html", str(out), "--executor", "local"]
    assert f"occlabel: {truth / '000005.label'} has 4 bytes" in CliRunner().invoke(app, beside).stderr


def test_images_of_another_drive_are_left_out_and_the_page_says_why_once_a_log(tmp_path: Path) -> None:
    rig = town.rig("kitti", ("image_2",))
    for log in ("00", "01"):
        write_kitti(log, town.frames(rig, 2, truth=False), rig, tmp_path / "logs")
    logs, kept = open_logs(tmp_path / "logs"), []
    for drive in logs.logs():
        for frame in drive.frames:
            size = scan_bytes(frame)
            assert size is not None
            arrays = {"semantics": volume(2), "confidence": volume(2)}
            other = size + 16 if drive.id == "00" else size
            kept.append(MadeUpFrame(drive.id, frame.name, arrays, scan_bytes=other))
    version = publish(MadeUpVersion(kept, SPACE), tmp_path / "s")
    report = gather(version.spec, Sources(logs=logs))
    assert {(shown.log, bool(shown.cameras)) for shown in report.shown} == {("00", False), ("01", True)}
    assert len(report.shown) == 4
    (said,) = report.notes
    assert said.startswith(f"the cameras of log 00 are not drawn: log 00 under {tmp_path / 'logs'} is another drive")


def test_a_grid_without_ranges_has_no_metres(tmp_path: Path) -> None:
    space = LabelSpace(GRID.model_copy(update={"ranges": {"full": ((0, 16), (0, 16))}}), SPACE.taxonomy)
    before = published(tmp_path / "a", "v1", {("00", "000000"): 4}, space)
    found = compare(before, published(tmp_path / "b", "v2", {("00", "000000"): 1}, space))
    assert "full" in change_table(found).columns
    assert [column.header for column in voxel_table(found).columns][4:] == ["full", "became mostly"]
    near = LabelSpace(GRID.model_copy(update={"ranges": {"8": ((0, 8), (4, 12))}}), SPACE.taxonomy)
    before = published(tmp_path / "c", "v1", {("00", "000000"): 4}, near)
    found = compare(before, published(tmp_path / "d", "v2", {("00", "000000"): 1}, near))
    assert "to 8 m" in change_table(found).columns and "8 m" in [c.header for c in voxel_table(found).columns]


def test_confidence_of_nothing_is_a_dash_in_its_diagrams(tmp_path: Path) -> None:
    free = Reliability()
    free.add(np.full(4, 255, np.uint8), np.ones(4, bool), np.ones(4, bool))
    curves = {"labelled occupied": Reliability(), "all voxels": free}
    chart = reliability_chart(curves)
    assert "labelled occupied: off by - points" in chart and "all voxels: off by 0.0 points" in chart
    draw_reliability(curves, tmp_path / "diagram.png")
    assert (tmp_path / "diagram.png").stat().st_size > 1000


def test_time_and_quarantine_of_the_run_that_made_it(tmp_path: Path) -> None:
    version = published(tmp_path / "s", "v1", {("00", "000000"): 1})
    state = new_state("version v1", [StageProgress(stage="voting", done=1, frames=10, process=36.0, load=4.0)])
    state.state = "quarantine"
    write_state(version.store, state)
    write_state(version.store, new_state("version another", []))
    entry = QuarantineEntry(
        run=state.run, stage="evaluate", unit="00", cause="damaged", error="scan 3 is <empty>", fingerprint="f"
    )
    write_entry(version.store, entry)
    version.store.put(f"quarantine/{state.run}/torn.json", b"{")
    text = page(gather(version.spec, Sources()))
    assert "<td>4.000</td><td>1.11</td>" in text.replace("\n", ""), "36 + 4 seconds for 10 frames"
    assert "scan 3 is &lt;empty&gt;" in text and "torn.json is damaged" in text


def test_the_command(tmp_path: Path) -> None:
    version = published(tmp_path / "s", "v1", {("00", "000000"): 1})
    out = tmp_path / "pages/report.html"
    told = CliRunner().invoke(app, ["report", version.spec, "--out", str(out), "--executor", "local"])
    assert told.exit_code == 0 and f"wrote {out}" in told.stdout
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    beside = CliRunner().invoke(app, ["compare", version.spec, version.spec, "--html", str(out), "--executor", "local"])
    assert beside.exit_code == 0 and "they hold the same labels" in out.read_text(encoding="utf-8")
    part = CliRunner().invoke(app, ["compare", version.spec, version.spec, "--html", str(out), "--log", "00"])
    assert "--html is the page of all logs, of the same classes; leave it or --map and --log out" in str(part.exception)


def test_the_worst_of_each_log_comes_before_the_second_worst_of_any() -> None:
    ranked = [("a", "0"), ("a", "1"), ("a", "2"), ("b", "7"), ("c", "4")]
    assert apart(ranked, 4) == [("a", "0"), ("b", "7"), ("c", "4"), ("a", "1")]
