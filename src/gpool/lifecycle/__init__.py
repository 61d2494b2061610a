"""State machines of lease and node: pure functions from (value, event, now) to (value, commands)."""
