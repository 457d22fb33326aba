"""How far odometry looks, which a plan asks before anything heavy is imported."""

BLOCK = 16
"""Frames of the log whose motion is found at once, from those and as many before and after: so a pose depends on what
is around its frame, and not on where clips begin."""
REACH = 2 * BLOCK - 1
"""Frames before and after a clip that are looked at."""
