"""From a data set's layout on disk to drive logs, and the simulated town that writes such layouts."""
