"""Poses and focal lengths from the images of a whole log: structure from motion by COLMAP (package ``pycolmap``)."""
