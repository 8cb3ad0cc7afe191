"""What fits on the nodes of a stack, what it costs, how soon there is more of it."""
