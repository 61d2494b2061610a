"""Whatever the emulated driver does, the client before it does as well: the same bodies, through the wire."""

from __future__ import annotations

from driver import (
    test_driver_graphs,
    test_driver_host_memory,
    test_driver_kernels,
    test_driver_memory,
    test_driver_start,
    test_driver_streams,
    test_driver_virtual_memory,
)

_NOT_FOR_A_CLIENT = frozenset(
    {
        # The size of the emulated GPU is workerd's environment here, not the program's.
        "test_memory_ends_where_it_is_said_to_end",
        "test_stream_ordered_memory_comes_back_in_stream_order",
        # Managed memory is not carried through.
        "test_pointer_attributes_of_known_and_unknown_memory",
        # The client captures sources when a copy is queued, pinned ones too.
        "test_pinned_sources_are_read_when_the_stream_gets_there",
        # All threads of the program share the worker's one per-thread stream.
        "test_per_thread_streams_are_streams_of_their_own",
        # What only the worker's driver finds out comes with the next synchronisation.
        "test_launch_limits_of_a_kernel",
        "test_an_unknown_instruction_spoils_its_kernel_only",
        # Memory is mapped in granules of 2 MiB: what is beside an allocation, or just freed, may still be there.
        "test_an_illegal_address_poisons_the_context",
        "test_freed_memory_is_no_longer_the_kernels",
        # The compiler's words stay in the worker's log.
        "test_broken_ptx_is_invalid_and_says_why",
        "test_physical_memory_is_limited",
        # Addresses come from the device's arena, a handle is mapped in one place, and none is shared between processes.
        "test_a_wanted_address_is_given_when_it_is_free",
        "test_one_memory_at_two_addresses",
        "test_memory_travels_as_a_file_descriptor",
    }
)

for _module in (
    test_driver_graphs,
    test_driver_host_memory,
    test_driver_kernels,
    test_driver_memory,
    test_driver_start,
    test_driver_streams,
    test_driver_virtual_memory,
):
    for _name, _body in vars(_module).items():
        if _name.startswith("test_") and callable(_body) and _name not in _NOT_FOR_A_CLIENT:
            globals()[_name] = _body
