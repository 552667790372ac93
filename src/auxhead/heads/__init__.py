"""Removable heads: what they predict, their targets and their losses."""
