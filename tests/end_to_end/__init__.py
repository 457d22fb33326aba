"""Tests of the whole house: a package, so that its modules can share a Ray."""
