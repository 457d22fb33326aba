"""Depth of images: from models, from LiDAR, from a second camera, or from files."""
