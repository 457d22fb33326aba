"""Colours that stay apart for eyes that see red and green alike."""

import numpy as np
import pytest

from occlabel.pipeline.delivery.pictures.palette import apart, as_seen_by, colour_blind_safe
from occlabel.schemas.taxonomy import TAXONOMIES


@pytest.mark.parametrize("eye", [None, "protan", "deutan"])
def test_twenty_classes_are_told_apart_by_every_eye(eye: str | None) -> None:
    colours = colour_blind_safe(20).astype(float)
    others = ~np.eye(20, dtype=bool)
    assert apart(colours, eye)[others].min() > 15
    own = TAXONOMIES["semantickitti"].colours[:20].astype(float)
    assert apart(own, "deutan")[others].min() < 2, "which is why there is another palette"


def test_what_has_no_hue_looks_the_same_to_all() -> None:
    greys = np.repeat(np.array([0.0, 90.0, 255.0])[:, None], 3, axis=1)
    for eye in ("protan", "deutan"):
        np.testing.assert_allclose(as_seen_by(greys, eye), greys, atol=1.0)
    red, green = np.array([[200.0, 40.0, 40.0]]), np.array([[40.0, 140.0, 40.0]])
    usual = np.linalg.norm(red - green)
    assert np.linalg.norm(as_seen_by(red, "deutan") - as_seen_by(green, "deutan")) < 0.6 * usual
