"""What a pool tells Prometheus."""
