"""The accumulated-LiDAR baseline: sweeps of a window stacked, rays carved, labels by the nearest named point."""
