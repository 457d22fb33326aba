"""The map: the labels of all logs of a version, in one world."""
