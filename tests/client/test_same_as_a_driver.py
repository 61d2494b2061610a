"""Whatever the emulated driver does, the client before it does as well: the same bodies, through the wire."""

from __future__ import annotations

from driver import test_driver_memory, test_driver_start, test_driver_streams, test_driver_virtual_memory

# What these bodies look at is a matter of the emulated GPU itself, or of environment variables that only it reads.
_NOT_FOR_A_CLIENT: frozenset[str] = frozenset()

for _module in (test_driver_memory, test_driver_start, test_driver_streams, test_driver_virtual_memory):
    for _name, _body in vars(_module).items():
        if _name.startswith("test_") and callable(_body) and _name not in _NOT_FOR_A_CLIENT:
            globals()[_name] = _body
