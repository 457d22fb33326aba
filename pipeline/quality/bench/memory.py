"""Peak memory of a method, in a process of its own: methods in one process would hide each other's peaks.

``python -m occlabel.pipeline.quality.bench.memory SCENE METHOD`` is that process; it prints JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from occlabel.pipeline.quality.bench.scene import read_scene
from occlabel.pipeline.quality.bench.timing import cold_start, step, warm_up
from occlabel.schemas.errors import OcclabelError


@dataclass(frozen=True, slots=True)
class Peak:
    """Megabytes of 10^6 bytes, of a cold start and a step."""

    above_scene: float
    """Above the process that has loaded the libraries, the compiled method and the scene."""
    total: float
    """The whole process."""


def measure_peak(scene_file: Path, name: str) -> Peak:
    """The peak of method ``name`` on the scene in ``scene_file``, in a fresh process.

    Raises OcclabelError when the process fails, or is killed, as it is where memory does not suffice.
    """
    # -P: a folder named pipeline, where the user happens to be, is not ours.
    command = [sys.executable, "-P", "-m", "occlabel.pipeline.quality.bench.memory", str(scene_file), name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}, killed for its memory?"]
        raise OcclabelError(f"the memory of {name} could not be measured: {reason[0]}; leave it out with --method")
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def peak_of_this_process(scene_file: Path, name: str) -> Peak:
    """As ``measure_peak``, in this process, whose earlier peaks are forgotten where the kernel allows it."""
    warm_up(name)
    scene = read_scene(scene_file)
    forget_peak()
    before = status_of("VmRSS")
    contender = cold_start(name, scene)
    contender.vote()
    if not contender.baseline:
        contender.rewind()
        step(contender)
    after = status_of("VmHWM")
    return Peak((after - before) / 1e6, after / 1e6)


def forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        print("the peak includes that of reading the scene: /proc/self/clear_refs cannot be written", file=sys.stderr)


def status_of(name: str) -> int:
    """A line of /proc/self/status in bytes. Not getrusage: its ru_maxrss starts with that of the parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OcclabelError(f"/proc/self/status has no {name}; peak memory can be measured on Linux only")


if __name__ == "__main__":
    print(json.dumps(asdict(peak_of_this_process(Path(sys.argv[1]), sys.argv[2]))))
