"""Two versions held against each other: manifests, voxels, and both scores against truth."""
