"""A page to review on: one place after the other, by keyboard, served to this machine alone."""
