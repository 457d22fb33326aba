"""A density field of what one image shows, learned from video without labels: ViPOcc (Feng et al. 2025)."""
