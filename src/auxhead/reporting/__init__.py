"""One self-contained page about a comparison, from its files alone."""
