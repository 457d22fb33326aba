"""Poses and focal lengths from the images of a whole log, by a network that sees some of them at once."""
