"""The stacks: what the settings describe, built from components."""
