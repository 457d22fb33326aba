"""Review: what of a version a human should look at, in which order, and what they said of it."""
