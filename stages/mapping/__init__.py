"""The city map: labelled frames placed in the world vote on sparse blocks of static voxels (OccFiner, section IV-D)."""
