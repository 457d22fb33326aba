"""What the sensors themselves say of each voxel, before any model does: witnesses for the stages that follow."""
