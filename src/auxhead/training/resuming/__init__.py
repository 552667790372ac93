"""Going on with a run as if it had never been stopped."""
