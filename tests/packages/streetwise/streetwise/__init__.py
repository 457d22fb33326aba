"""A package of a user: a completion of its own, a data set of its own, an export of its own."""
