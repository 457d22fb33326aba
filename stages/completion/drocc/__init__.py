"""Dr.Occ: semantic occupancy of the images of all cameras, guided by their depth and by regions of space."""
