"""Poses of a log by registration of its scans."""
