"""Poses from the images of one camera: what it sees again and again tells how it moved, and the road tells metres."""
