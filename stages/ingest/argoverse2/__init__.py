"""The sensor data set Argoverse 2."""
