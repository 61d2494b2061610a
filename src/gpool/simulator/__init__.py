"""The real scheduler on recorded workloads, without a pool, without waiting: what would it have done?"""
