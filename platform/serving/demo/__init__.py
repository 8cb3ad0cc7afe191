"""The demo: promotions of a good and several bad versions on a local stack, under a steady load."""
