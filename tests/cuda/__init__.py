"""A small binding to the CUDA driver API, for tests."""
