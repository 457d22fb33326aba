"""What networks and newcomers learn from: simulated logs, trainings, the demo."""
