"""The page of an evaluation: what one detector sees, or what two see."""
