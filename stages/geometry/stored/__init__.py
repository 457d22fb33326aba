"""Poses, K and places of cameras that another program found and left in files."""
