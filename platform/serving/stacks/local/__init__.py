"""The local stack: its program, its folder, its ports, and what is left of it."""
