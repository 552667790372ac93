"""Detectors designed for the objects of a data set, at the price of one that is known."""
