"""Measuring a detector on what is small: from data and predictions to numbers, tables and plots."""
