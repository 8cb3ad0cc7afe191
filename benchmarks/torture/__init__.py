"""Kills, pauses and doubles the promoter wherever it can be, and looks at what is left."""
