"""The layouts in which recordings are written: KITTI and nuScenes."""
