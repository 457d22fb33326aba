"""Segments of images: which class, which object, how sure."""
