"""What steps share that look at sweeps or at images of depth: where they lie in the grid, and what was seen through."""
