"""What the car had at a frame, told by where it lies."""

from __future__ import annotations

from pathlib import Path

import mcap_log

from occlabel.pipeline.published.sensors import Raw, SensorFrames
from occlabel.stages.ingest.recognise import open_logs


def test_of_a_recording_the_place_in_it_comes_with_the_path(tmp_path: Path) -> None:
    recording = mcap_log.write_recording(tmp_path / "drive.mcap")
    log = next(iter(open_logs(tmp_path).logs()))
    sensors = SensorFrames(Raw.of(tmp_path, decoded=False))
    items = [sensors.frame(log.id, place, frame.name) for place, frame in enumerate(log.frames)]
    places = [(str(recording), number) for number in range(mcap_log.FRAMES)]
    assert [item["points"] for item in items] == places == [item["images"]["front"] for item in items]
