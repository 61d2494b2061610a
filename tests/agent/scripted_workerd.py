"""A workerd without GPUs: speaks the control lines, and tells the agent what the test tells it.

It is put in place of `bin/gpool-workerd`. A line that the test writes to `steer.sock` goes to the agent as if it had
happened; `!die` ends this process at once. Each line from the agent is appended to `heard`, each start to `starts`.
"""

import contextlib
import json
import os
import re
import selectors
import socket
import sys


def listen(path):
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()
    return listener


def main():
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    state = options["--state"]
    if os.path.exists(f"{state}/refuse-to-start"):
        sys.stderr.write("the driver is not there\n")
        return 1
    with open(f"{state}/starts", "a") as file:
        emulator = {name: value for name, value in os.environ.items() if name.startswith("GPOOL_EMULATOR")}
        file.write(json.dumps({"pid": os.getpid(), "options": options, "environment": emulator}) + "\n")
    with open(f"{state}/workerd.pid", "w") as file:
        file.write(f"{os.getpid()}\n")
    steer = listen(f"{state}/steer.sock")
    control = listen(f"{state}/control.sock")
    ready = f"ready tcp=127.0.0.1:41234 unix={state}/workerd.sock version=0.1.0"
    sessions = {}
    usage, activity = {}, {}
    agents = []

    def tell(line):
        for agent in agents:
            with contextlib.suppress(OSError):  # a killed agent: what it asked may be answered after its end
                agent.sendall(f"{line}\n".encode())

    def happen(line):
        number = re.search(r"\bid=(\d+)", line)
        if line.startswith("session") and "state=open" in line:
            sessions[number[1]] = line
        elif line.startswith("session"):
            sessions.pop(number[1], None)
        elif line.startswith("usage"):
            usage[re.search(r"lease=(\S+) gpu=(\S+)", line).groups()] = line
        elif line.startswith("activity"):
            activity[re.search(r"session=(\d+) gpu=(\S+)", line).groups()] = line
            return  # told in lists only
        tell(line)

    def close_sessions_of(lease):
        for number, line in list(sessions.items()):
            if f"lease={lease} " in line:
                happen(f'session id={number} lease={lease} state=closed reason=revoked detail="the lease ended"')

    def hear(line):
        with open(f"{state}/heard", "a") as file:
            file.write(line + "\n")
        word, _, rest = line.partition(" ")
        if word == "key":
            tell(ready)
        elif word == "status":
            for known in [*sessions.values(), *usage.values(), *activity.values(), "end"]:
                tell(known)
        elif word == "revoke" and not os.path.exists(f"{state}/slow-to-revoke"):
            close_sessions_of(rest)
        elif word == "quit":
            return False
        return True

    selector = selectors.DefaultSelector()
    selector.register(steer, selectors.EVENT_READ, "steer")
    selector.register(control, selectors.EVENT_READ, "control")
    pending = {}
    while True:
        for key, _ in selector.select():
            if key.data in ("steer", "control"):
                connection, _ = key.fileobj.accept()
                pending[connection] = b""
                if key.data == "control":
                    agents.append(connection)
                selector.register(connection, selectors.EVENT_READ, key.data + "-line")
                continue
            connection = key.fileobj
            try:
                data = connection.recv(65536)
            except OSError:  # it was killed with answers unread
                data = b""
            if not data:
                selector.unregister(connection)
                connection.close()
                if connection in agents:
                    agents.remove(connection)
                continue
            *lines, pending[connection] = (pending[connection] + data).split(b"\n")
            for line in lines:
                text = line.decode()
                if key.data == "steer-line":
                    if text == "!die":
                        os._exit(9)
                    happen(text)
                elif not hear(text):
                    for name in ("control.sock", "steer.sock", "workerd.pid"):
                        os.unlink(f"{state}/{name}")
                    return 0


sys.exit(main())
