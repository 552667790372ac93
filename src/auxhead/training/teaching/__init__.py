"""A teacher beside a training: what is checked before it, and how the trainer shows it the pictures."""
