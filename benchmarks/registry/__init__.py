"""How fast versions are published and verified."""
