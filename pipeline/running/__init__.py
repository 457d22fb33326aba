"""How it is done to the end: schedule, retries, quarantine, progress and history of a run."""
