"""What the rows of a detector's results mean: which picture, which class, which box."""
