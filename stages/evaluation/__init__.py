"""Scoring labels against truth, by the rules of the benchmarks."""
