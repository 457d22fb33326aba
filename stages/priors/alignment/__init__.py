"""What a model estimates made metric: by LiDAR where there is one, by the ground where there is none."""
