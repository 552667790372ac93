"""Measuring detectors on small objects: bands, distances, kinds of error, intervals. Without torch."""
