"""What the agent knows of its workerd: folded from workerd's lines, without I/O."""

from __future__ import annotations

from pydantic import ValidationError

from gpool.agent.control_lines import ControlLine
from gpool.model.gpu import GpuUse, LeaseUse, SessionUse
from gpool.model.session import Session

__all__ = ["WorkerdLedger"]


class WorkerdLedger:
    """Sessions and use, as told line by line.

    `begin_status` and the `end` line bracket a complete list: what it does not mention is gone. So a line that was lost
    or came from an earlier workerd does not stay for ever.
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self.sessions: dict[int, Session] = {}
        self.use: dict[tuple[str, str], LeaseUse] = {}
        self._activity: list[SessionUse] = []
        self._activity_listed: list[SessionUse] = []
        self._unmentioned_sessions: set[int] | None = None
        self._unmentioned_use: set[tuple[str, str]] | None = None

    def forget(self) -> None:
        """workerd has ended, and all sessions with it."""
        self.sessions.clear()
        self.use.clear()
        self._activity = []
        self._unmentioned_sessions = self._unmentioned_use = None

    def begin_status(self) -> None:
        """All lines up to the next `end` belong to a complete list."""
        self._unmentioned_sessions = set(self.sessions)
        self._unmentioned_use = set(self.use)
        self._activity_listed = []

    def apply(self, line: ControlLine) -> bool:
        """Take in a line; True when the sessions have changed.

        Raises `ValueError` for a line of a known kind whose values make no sense.
        """
        if line.kind == "session":
            return self._session(line.values)
        if line.kind == "usage":
            self._usage(line.values)
        elif line.kind == "activity":
            self._note_activity(line.values)
        elif line.kind == "end":
            return self._end()
        return False

    def _session(self, values: dict[str, str]) -> bool:
        number = int(values["id"]) if "id" in values else -1
        if values.get("state") == "closed":
            return self.sessions.pop(number, None) is not None
        try:
            session = Session(
                id=number,
                node=self._node,
                lease=values.get("lease", ""),
                worker_pid=_number(values.get("pid")),
                client_pid=_number(values.get("client")),
                client_host=values.get("host", "")[:1024],
                command=values.get("command", "")[:1024],
            )
        except ValidationError as error:
            raise ValueError(f"not a session: {error.errors()[0]['msg']}") from error
        if self._unmentioned_sessions is not None:
            self._unmentioned_sessions.discard(number)
        changed = self.sessions.get(number) != session
        self.sessions[number] = session
        return changed

    def _usage(self, values: dict[str, str]) -> None:
        key = (values.get("lease", ""), values.get("gpu", ""))
        try:
            use = LeaseUse(lease=key[0], gpu_uuid=key[1], memory_used_bytes=int(values.get("bytes", "0")))
        except ValidationError as error:
            raise ValueError(f"not a use: {error.errors()[0]['msg']}") from error
        if self._unmentioned_use is not None:
            self._unmentioned_use.discard(key)
        self.use[key] = use

    def _note_activity(self, values: dict[str, str]) -> None:
        """Told in lists only, and whole each time: a moment is over with the next list."""
        try:
            self._activity_listed.append(
                SessionUse(
                    session=int(values.get("session", "-1")),
                    gpu_uuid=values.get("gpu", ""),
                    memory_used_bytes=int(values.get("bytes", "0")),
                    compute_busy_permille=int(values.get("busy", "0")),
                )
            )
        except ValidationError as error:
            raise ValueError(f"not an activity: {error.errors()[0]['msg']}") from error

    def _end(self) -> bool:
        self._activity, self._activity_listed = self._activity_listed, []
        gone = self._unmentioned_sessions or set()
        for number in gone:
            self.sessions.pop(number, None)
        for key in self._unmentioned_use or ():
            self.use.pop(key, None)
        self._unmentioned_sessions = self._unmentioned_use = None
        return bool(gone)

    def leases_with_sessions(self) -> set[str]:
        """Ids of the leases that have sessions here."""
        return {session.lease for session in self.sessions.values()}

    def lease_use(self) -> tuple[LeaseUse, ...]:
        """What each lease uses of each GPU; nothing of leases without sessions."""
        live = self.leases_with_sessions()
        return tuple(use for use in self.use.values() if use.lease in live)

    def session_use(self) -> tuple[SessionUse, ...]:
        """What each session did at the time of the last complete list."""
        return tuple(use for use in self._activity if use.session in self.sessions)

    def gpu_use(self, gpu_uuids: tuple[str, ...]) -> tuple[GpuUse, ...]:
        """What the leases use of each GPU together, and how busy their sessions keep it."""
        totals = dict.fromkeys(gpu_uuids, 0)
        for use in self.lease_use():
            if use.gpu_uuid in totals:
                totals[use.gpu_uuid] += use.memory_used_bytes
        busy = dict.fromkeys(gpu_uuids, 0)
        for session in self.session_use():
            if session.gpu_uuid in busy:
                busy[session.gpu_uuid] += session.compute_busy_permille
        return tuple(
            GpuUse(gpu_uuid=uuid, memory_used_bytes=total, compute_busy_permille=min(busy[uuid], 1000))
            for uuid, total in totals.items()
        )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.lstrip("-").isdecimal() else None
