"""One local page that shows what a stack does: its traffic, promotions, alerts and processes."""
