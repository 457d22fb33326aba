"""Label files as the field writes them, to and from plain arrays."""
