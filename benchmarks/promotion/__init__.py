"""How often the promotion and its rivals are right, and what users pay, on simulated traffic."""
