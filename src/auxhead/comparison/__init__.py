"""Comparing arms over seeds: plans, runs, and what they say about each other."""
