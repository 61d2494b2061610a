"""Who gets which GPU: `plan = schedule(snapshot, now)`, pure."""
