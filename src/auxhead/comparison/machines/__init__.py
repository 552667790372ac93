"""Where the runs of a comparison run: this machine, or a Ray cluster."""
