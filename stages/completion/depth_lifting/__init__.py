"""Occupancy lifted from the depth and segments of cameras, frame by frame and along the path."""
