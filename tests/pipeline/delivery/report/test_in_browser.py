"""The page in a browser: what its scripts make of it, and that nothing is said on the console."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from reported import published

from occlabel.pipeline.delivery.report.gather import Sources, gather
from occlabel.pipeline.delivery.report.page import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--enable-logging=stderr", "--virtual-time-budget=8000",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)")
@pytest.mark.parametrize("width", [360, 1280])
def test_the_scripts_draw_frames_maps_and_space(width: int, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    before = published(tmp_path / "a", "v1", {("00", "000000"): 4, ("00", "000001"): 4})
    after = published(tmp_path / "b", "v2", {("00", "000000"): 4, ("00", "000001"): 1})
    place = tmp_path / "report.html"
    place.write_text(page(gather(after.spec, Sources(against=before.spec))), encoding="utf-8")
    command = [CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'user'}", f"--window-size={width},900", "--dump-dom"]
    shown = subprocess.run([*command, place.as_uri()], capture_output=True, text=True, check=True, timeout=240)
    assert "CONSOLE" not in shown.stderr, shown.stderr
    dom = shown.stdout
    assert "log 00, frame 000001: " in dom
    assert len(re.findall(r"<figcaption>(?:before|now), from above</figcaption>", dom)) == 2
    assert "from before to now: what differs" in dom
    free_sides = re.search(r"([\d,]+) voxels have a free side\.", dom)
    assert free_sides is not None and int(free_sides[1].replace(",", "")) == 256 + 6, "the road and the car on it"
