"""The local stack from outside: brought up and down, looked at, asked for its addresses."""
