"""What `gpool doctor` looks at: this host, and the pool as seen from here."""
