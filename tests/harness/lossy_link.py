"""Two network namespaces joined by a link of packets that is slow, narrow and loses some of them.

The link is two TUN devices whose packets this process passes on, so that it needs no kernel with `netem`, but the right
to make network namespaces (root, or CAP_NET_ADMIN and CAP_SYS_ADMIN) and iproute2.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
import random
import secrets
import select
import shutil
import struct
import subprocess
import threading
import time
from types import TracebackType

__all__ = ["LossyLink"]

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_MTU = 9000  # few packets: each costs this process a turn
_QUEUE_S = 0.25  # what the narrow end keeps; packets beyond it are lost, as in a router
_PATIENCE_S = 20.0


class LossyLink:
    """Context manager: namespaces `near` and `far`, whose addresses are `near_address` and `far_address`.

    delay_s: one way. bits_per_s: of each direction. loss: the part of packets that never arrives, chosen by `seed`.
    """

    near_address, far_address = "10.213.0.1", "10.213.0.2"

    def __init__(self, *, delay_s: float, bits_per_s: float, loss: float, seed: int) -> None:
        name = f"gp{secrets.token_hex(3)}"
        self.near, self.far = f"{name}n", f"{name}f"
        self.lost_packets = 0
        self.passed_packets = 0
        self._delay_s, self._bits_per_s, self._loss = delay_s, bits_per_s, loss
        self._random = random.Random(seed)
        self._devices: list[int] = []
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._pass_packets, daemon=True)
        self.cut = False  # while true, every packet is lost

    @staticmethod
    def why_not() -> str | None:
        """What this machine lacks for it; None: nothing."""
        if os.geteuid() != 0:
            return "network namespaces take root"
        if shutil.which("ip") is None:
            return "iproute2 is missing"
        if not os.path.exists("/dev/net/tun"):
            return "/dev/net/tun is missing"
        name = f"gp{secrets.token_hex(3)}"
        if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode != 0:
            return "network namespaces cannot be made here"
        _ip("netns", "del", name)
        return None

    def command(self, namespace: str, command: list[str]) -> list[str]:
        """`command` as it runs in one of the namespaces."""
        return ["ip", "netns", "exec", namespace, *command]

    def __enter__(self) -> LossyLink:
        try:
            ends = ((self.near, self.near_address, self.far_address), (self.far, self.far_address, self.near_address))
            for namespace, address, peer in ends:
                _ip("netns", "add", namespace)
                _ip("-n", namespace, "link", "set", "lo", "up")
                device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
                self._devices.append(device)
                fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", namespace.encode(), _IFF_TUN | _IFF_NO_PI))
                _ip("link", "set", "dev", namespace, "netns", namespace)
                _ip("-n", namespace, "addr", "add", address, "peer", peer, "dev", namespace)
                _ip("-n", namespace, "link", "set", "dev", namespace, "mtu", str(_MTU), "up")
        except BaseException:
            self._remove()
            raise
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.write(self._stop_write, b"x")
        self._thread.join(_PATIENCE_S)
        self._remove()

    def _remove(self) -> None:
        for device in self._devices:
            os.close(device)
        for namespace in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)
        os.close(self._stop_read)
        os.close(self._stop_write)

    def _pass_packets(self) -> None:
        on_the_way: list[tuple[float, int, int, bytes]] = []  # due, number, to, packet
        free_at = dict.fromkeys(self._devices, 0.0)
        other = dict(zip(self._devices, reversed(self._devices), strict=True))
        number = 0
        while True:
            now = time.monotonic()
            while on_the_way and on_the_way[0][0] <= now:
                _, _, to, packet = heapq.heappop(on_the_way)
                with contextlib.suppress(OSError):  # the device's queue is full: lost
                    os.write(to, packet)
            wait_s = max(0.0, on_the_way[0][0] - now) if on_the_way else None
            ready = select.select([*self._devices, self._stop_read], [], [], wait_s)[0]
            if self._stop_read in ready:
                return
            for device in ready:
                with contextlib.suppress(BlockingIOError):
                    for _ in range(64):
                        packet = os.read(device, 65536)
                        now = time.monotonic()
                        start = max(now, free_at[device])
                        if self.cut or self._random.random() < self._loss or start - now > _QUEUE_S:
                            self.lost_packets += 1
                            continue
                        free_at[device] = start + len(packet) * 8 / self._bits_per_s
                        number += 1
                        self.passed_packets += 1
                        heapq.heappush(on_the_way, (free_at[device] + self._delay_s, number, other[device], packet))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
