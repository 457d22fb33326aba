"""Global voting: all frames of a log correct each other (OccFiner, section III-C)."""
