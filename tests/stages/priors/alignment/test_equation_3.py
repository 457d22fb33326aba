"""Equation 3 of ViPOcc as its authors compute it, and what they do not: no depth behind the camera or beyond 250 m."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from occlabel.stages.priors.alignment.scale_shift import depth_of


@pytest.mark.parametrize("name", ["refine_float32", "refine_float64"])
def test_depth_of_a_residual_of_inverse_depth_equals_the_golden_cases(name: str, shared: Path) -> None:
    case = np.load(shared / f"golden/vipocc_depth/case_{name}.npz")
    pseudo = np.clip(case["pseudo_depth"].astype(np.float64), case["min_depth"], case["max_depth"])
    found = depth_of(1 / pseudo + case["res_inv_depth"].astype(np.float64) / 10 + 1e-8)
    true = case["depth"].astype(np.float64)
    nowhere = (true <= 0) | (true > 250)
    assert nowhere.any() and not nowhere.all(), "some of the golden depth is negative or beyond all"
    assert np.isnan(found[true < 0]).all() and np.isnan(found[true > 251]).all()
    near = (true > 0) & (true < 249)
    np.testing.assert_allclose(found[near], true[near], rtol=2e-3 if name.endswith("32") else 1e-5)
