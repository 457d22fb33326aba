"""Grass or pavement, told by what shape does not tell: how bright the log's own ground is."""
