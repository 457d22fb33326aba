"""Benchmarks of the stages: how fast, in how much memory, and how good, beside baselines of the same run."""
