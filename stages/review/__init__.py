"""What people said of labels, over what was voted."""
