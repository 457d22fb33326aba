"""What a version is: publishing, opening and verifying it, and the logs that it was made from."""
