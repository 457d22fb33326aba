"""What the parts of a stage are worth: the measures behind the published tables and figures."""
