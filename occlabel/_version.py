"""The version of occlabel; a file of its own, so that whoever writes it down need not know the public face."""

__version__ = "0.2.0"
