"""Measurements with the commands that make them."""
