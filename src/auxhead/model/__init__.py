"""A detector with heads, and the detector without them again."""
