"""What keeps poses from being found in images, in sentences."""

from __future__ import annotations

from occlabel.schemas.errors import BadLog
from occlabel.stages.geometry.from_images.metres import Metres

OUT = "leave the log out with --log, or cut the film there"
UNSURE = 0.3
"""Spread of what ways say of a metre, as a share, beyond which it is not known."""


def nothing_shared(log: str, first: str, last: str, points: int) -> BadLog:
    """``first`` and ``last`` are names of frames, each of which has ``points`` in the middle of all."""
    return BadLog(
        f"log {log}: no frame from {first} to {last} shares enough with others to tell a motion (they have {points} "
        f"points each that could be found again): it is dark, without texture, or too short; {OUT}"
    )


def cut(log: str, frame: str) -> BadLog:
    """Before the frame of that name."""
    return BadLog(
        f"log {log}: frame {frame} shows nothing of what was seen before it, and the film goes on from there: it is "
        f"cut, or too little is seen between; {OUT}"
    )


def between(log: str, first: str, last: str) -> str:
    """Where it is that something keeps poses from being found, for the sentences below."""
    return f"log {log}: from frame {first} to {last}"


def only_turns(where: str) -> BadLog:
    """Of a camera without parallax."""
    return BadLog(f"{where} the camera only turns, or all it sees is far away: nothing tells where it moves; {OUT}")


def no_motion(where: str) -> BadLog:
    """Of images in which things move, and no camera among them."""
    return BadLog(f"{where} what images see obeys no motion of a camera; {OUT}")


def no_metres(where: str, metres: Metres | int) -> BadLog:
    """Of a road that was measured too seldom, or that says now this and now that."""
    said = (
        f"the road is seen well enough to tell how far on {metres} ways: too few"
        if isinstance(metres, int)
        else f"what the road says of how far on {metres.ways} ways differs by {metres.spread:.0%}: too much"
    )
    return BadLog(f"{where} the camera moves, and {said}, so that poses would have no metres; {OUT}")


def stands_at_first(log: str) -> BadLog:
    """Of a camera whose place on the car is not known."""
    return BadLog(
        f"log {log}: the camera stands at the beginning, so nothing tells how it sits on the car: begin the film where "
        "the car drives, or write extrinsics into calibration.yaml"
    )


def stands(where: str) -> BadLog:
    """Of a camera of which neither lens nor place can be found."""
    return BadLog(
        f"{where} the camera stands: nothing tells its focal length, nor how it sits on the car; where K is known, set "
        f"geometry.kind=odometry; {OUT}"
    )


def no_model(where: str, faults: list[str], by: str) -> BadLog:
    """Of models that were built and do not hold; ``by`` is what built them."""
    return BadLog(
        f"{where} {by} found nothing that holds: {'; and tried otherwise, '.join(faults)}; write "
        f"intrinsics into calibration.yaml where they are known; {OUT}"
    )


def no_rig(where: str, fault: str) -> BadLog:
    """Of cameras that do not sit rigidly on one car, or not as is said."""
    return BadLog(
        f"{where} the cameras cannot be mapped as one: {fault}; leave a camera out of geometry.cameras, or correct "
        f"what is known of it; {OUT}"
    )


def leaps(log: str, frame: str, metres: float, by: str, out: str = OUT) -> BadLog:
    """Of a way that no car drives, as ``by`` has it; ``out`` says what to do."""
    how = f"lies {metres:.1f} m off the motion before it" if metres else "turns faster than a car can"
    return BadLog(f"log {log}: frame {frame} {how}, as {by} has it: a pose is wrong, or frames are missing; {out}")
