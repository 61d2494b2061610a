"""GPUs of the pool for the Python process that asks: `gpool.acquire()` and `%load_ext gpool`."""
