"""What a model estimates made metric: by LiDAR where there is one, by the car's motion or the ground where not."""
