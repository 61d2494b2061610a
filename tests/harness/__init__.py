"""What the tests stand on: a workerd of their own, ways to reach it, compilers, and a look for what is left behind."""
