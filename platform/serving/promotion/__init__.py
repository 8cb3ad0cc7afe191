"""How a version reaches users: by evidence gathered window by window."""
