"""The onboard model's slot: one sweep in, semantics and confidence of every voxel out. Kinds: ``stage.py``."""
