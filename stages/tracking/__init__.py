"""Following objects through a log."""
