"""What a model promises and needs, and everything that follows from it alone."""
