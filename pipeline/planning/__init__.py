"""What is to be done: the recipe, the fingerprint of each artifact, and the plan of what is missing."""
