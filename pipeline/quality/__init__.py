"""How good it is: rules of the benchmarks, scores against truth, calibration, and speed."""
