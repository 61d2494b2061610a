"""Joins calls.toml with NVIDIA's headers and writes native/calls/generated and the coverage page."""
