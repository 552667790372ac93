"""Arms times seeds under matched conditions: plans, runs, statistics."""
