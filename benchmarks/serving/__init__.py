"""How many requests a server holds, by what its contract says of batches."""
