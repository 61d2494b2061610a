"""A pool on one machine, in the background: what `gpool up` and `gpool down` do."""
