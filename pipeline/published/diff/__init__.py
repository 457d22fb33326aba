"""Two versions by their manifests alone: what differs, and why. No voxel is read."""
