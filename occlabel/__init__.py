"""occlabel: drive logs in, versioned 3D occupancy labels out."""
