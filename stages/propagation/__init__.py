"""Local propagation: a learned network corrects the onboard labels of a few frames by each other."""
