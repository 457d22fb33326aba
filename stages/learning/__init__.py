"""What learned steps share: losses, the trainer, weight files."""
