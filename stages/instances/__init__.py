"""Object instances: which voxels of a thing class belong together, within a frame and through a log."""
