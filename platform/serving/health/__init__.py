"""What watches over the health of nodes."""
