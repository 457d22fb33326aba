"""The small network that comes with occlabel: metric depth and segments of an image in one look."""
