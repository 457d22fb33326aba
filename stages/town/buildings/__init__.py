"""What stands along the streets: lots, houses, gardens, fences."""
