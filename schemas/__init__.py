"""The nouns: what flows between stages, workers and the pipeline. Imports nothing of ours."""
