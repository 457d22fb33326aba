"""Poses of a log: where they are wrong or missing, they are found from its scans, or from its images."""
