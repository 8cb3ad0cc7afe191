"""The pools of a stack: what they are, what their nodes hold, what is wrong with them."""
