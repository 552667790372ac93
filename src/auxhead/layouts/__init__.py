"""Detectors of stock modules in another layout: which levels they predict on, and what is left out."""
