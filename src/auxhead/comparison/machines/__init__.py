"""Where the runs of a comparison run: this machine, a Ray cluster, or SLURM."""
