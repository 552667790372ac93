"""The built-in demo: its pictures, and a first training on them."""
