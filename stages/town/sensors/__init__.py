"""What a car sees of the town: LiDAR, cameras, and the exact truth."""
