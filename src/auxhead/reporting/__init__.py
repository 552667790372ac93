"""Self-contained pages: of a comparison, from its files alone, and of an evaluation."""
