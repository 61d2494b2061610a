"""XIDs: the numbers by which NVIDIA's driver reports that something went wrong on a GPU.

Most are the application's own fault (an illegal address, a trap) or the driver's answer to one, and the GPU is as good
as before once the process has ended. `CONDEMNING` are those after which nothing should compute on the GPU until it was
reset, repaired or replaced: those for which NVIDIA's "XID Errors" (docs.nvidia.com/deploy/xid-errors, its listing and
its catalogue of recovery actions) names the hardware as a cause and a reset, a restart or the manufacturer as what to
turn to at once.

Left out on purpose, although the hardware is a possible cause:
13, 31, 43, 45, 68 and 109 follow from faulty programs, and NVIDIA's own device plugin for Kubernetes ignores them too;
63 and 94 report memory errors that were contained: the program that met them is ended, and a reset at the next quiet
time is enough. Should that repair fail, 64 says so, and a failed row remapping, which the agent looks for as well.
"""

from __future__ import annotations

__all__ = ["CONDEMNING"]

CONDEMNING: dict[int, str] = {
    46: "the GPU stopped processing",
    48: "a double-bit ECC error",
    62: "the GPU's internal controller halted",
    64: "a page could not be retired or a row not remapped",
    74: "an NVLink error",
    79: "the GPU has fallen off the bus",
    92: "a high rate of ECC errors",
    95: "an ECC error that was not contained",
    110: "a security fault",
    119: "the GPU's system processor does not answer",
    120: "the GPU's system processor failed",
    136: "the link training failed",
    140: "an ECC error that was not recovered from",
    143: "the GPU could not be initialised",
    155: "an NVLink was taken down",
    156: "the resources for retiring memory are used up",
    158: "a timeout of the GPU's fabric",
}
"""What each means, in a few words."""
