"""What steps share that look at LiDAR sweeps: a sweep in the frame of the grid, and what its rays passed through."""
