"""What the tests stand on: the native files, a workerd of their own, programs that run on it, and what must not be left."""
