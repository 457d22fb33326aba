"""The town: a procedural world, driven through and scanned, with exact truth."""
