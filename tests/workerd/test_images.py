"""Images of code stay on the node, under the hash of their content, and nothing that is said of them is believed."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from workerd import speaker as wire
from workerd.conftest import Node
from workerd.speaker import Frame, Session, handle
from workerd.test_waits import INVALID_VALUE, NOT_FOUND, PTX, load

INVALID_IMAGE = 200
TAIL = 64
"""Zeros that the node keeps behind each image."""


def big(mark: str, size: int = 100_000) -> bytes:
    """An image of `size` bytes that is told from others by its mark."""
    return PTX + b"// " + mark.encode() * (size // len(mark) - len(PTX) // len(mark) - 1) + b"\n\0"


def name(image: bytes) -> str:
    return hashlib.sha256(image).hexdigest()


def by_name(session: Session, image: bytes, module: int, *, digest: bytes = b"", size: int = 0) -> Frame:
    """Asks for an image that is not sent."""
    digest = digest or hashlib.sha256(image).digest()
    return session.ask(wire.MODULE_LOAD, struct.pack("<Q32sQQII", module, digest, size or len(image), 0, 0, 0))


def module(index: int) -> int:
    return handle(wire.KIND_MODULE, index)


class Programs:
    """A node, and programs on it that begin and end."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.agent = node.agent()

    @property
    def kept(self) -> Path:
        return self.node.state / "images"

    def names(self) -> set[str]:
        return {path.name for path in self.kept.iterdir() if path.suffix != ".record"}

    def records(self) -> list[Path]:
        return sorted(self.kept.glob("*.record"))

    def run(self, body: Callable[[Session], None]) -> None:
        """A session that does `body`; when this returns, its worker has ended."""
        with self.node.open(self.node.ticket()) as session:
            session.begin()
            body(session)
            session.goodbye()
        self.agent.expect("session", state="closed")

    def send(self, *images: bytes) -> None:
        """A program that sends images."""

        def body(session: Session) -> None:
            for index, image in enumerate(images):
                assert load(session, image, module(index + 1)).status == 0

        self.run(body)

    def asks_for(self, image: bytes) -> int:
        """The CUresult for a program that has only the name."""
        answers: list[Frame] = []
        self.run(lambda session: answers.append(by_name(session, image, module(1))))
        return answers[0].status


@pytest.fixture
def programs(node: Node) -> Programs:
    return Programs(node)


def with_limit(start: Callable[..., Node], limit: int) -> Programs:
    return Programs(start(more=("--image-cache-bytes", str(limit))))


def test_the_second_program_sends_the_name_alone(programs: Programs) -> None:
    image = big("x")
    assert programs.asks_for(image) == NOT_FOUND
    records: list[bytes] = []
    programs.run(lambda session: records.append(load(session, image, module(1)).arguments))
    assert (programs.kept / name(image)).read_bytes() == image + bytes(TAIL)
    assert stat.S_IMODE(programs.kept.stat().st_mode) == 0o700
    assert stat.S_IMODE((programs.kept / name(image)).stat().st_mode) == 0o600

    def second(session: Session) -> None:
        records.append(by_name(session, image, module(1)).arguments)
        assert session.map(0, 2 << 20) == 0
        address = session.devices[0].arena_address
        launch = struct.pack("<QQ6I4I", handle(wire.KIND_FUNCTION, 1), 0, 1, 1, 1, 1, 1, 1, 0, 0, 16, 0)
        session.send(wire.LAUNCH, launch + struct.pack("<QII", address, 0, 77))
        assert session.read(0, 4).bulk == struct.pack("<I", 77)

    programs.run(second)
    assert len(records[0]) > 100
    assert records[0] == records[1]


def test_small_images_are_always_sent_and_bad_ones_are_not_kept(programs: Programs) -> None:
    programs.send(PTX)
    rubbish = b".version 7.0 and then nothing that any driver understands" * 2000

    def body(session: Session) -> None:
        assert load(session, rubbish).status not in (0, NOT_FOUND)

    programs.run(body)
    assert programs.names() == set()


def test_a_program_that_lies_about_its_image_poisons_nothing(programs: Programs) -> None:
    good, evil = big("good"), big("evil")

    def body(session: Session) -> None:
        head = struct.pack("<Q32sQQII", module(1), hashlib.sha256(good).digest(), len(evil), 0, 2, 0)
        assert session.ask(wire.MODULE_LOAD, head, evil).status == INVALID_IMAGE
        assert load(session, good, module(1)).status == 0  # the handle was not taken by the lie

    programs.run(body)
    assert programs.names() == {name(good)}
    assert programs.asks_for(good) == 0


def test_questions_that_make_no_sense(programs: Programs) -> None:
    image = big("x")
    programs.send(image)

    def body(session: Session) -> None:
        assert by_name(session, image, module(1), size=1).status == NOT_FOUND
        assert by_name(session, image, module(1), size=2**63).status == NOT_FOUND
        assert by_name(session, image, handle(wire.KIND_STREAM, 1)).status == 400
        head = struct.pack("<Q32sQQII", module(1), hashlib.sha256(image).digest(), len(image), 0, 0, 2**31)
        assert session.ask(wire.MODULE_LOAD, head).status == INVALID_VALUE

    programs.run(body)


@pytest.mark.parametrize("damage", ["bit", "short", "long", "tail", "empty"])
def test_a_damaged_image_is_dropped_and_sent_again(programs: Programs, damage: str) -> None:
    image = big("x")
    programs.send(image)
    path = programs.kept / name(image)
    content = bytearray(path.read_bytes())
    if damage == "bit":
        content[5000] ^= 1
    elif damage == "tail":
        content[-1] = 1
    path.write_bytes({"short": content[:-1], "long": content + b"\0", "empty": b""}.get(damage, bytes(content)))
    assert programs.asks_for(image) == NOT_FOUND
    assert programs.names() == set()
    programs.send(image)
    assert programs.asks_for(image) == 0


def test_images_outlive_workerd_and_half_written_ones_do_not(programs: Programs) -> None:
    image = big("x")
    programs.send(image)
    node = programs.node
    assert node.process is not None
    node.process.kill()
    node.wait_for_end()
    node.stop_agents()
    assert node.process.stdout is not None
    node.process.stdout.close()
    (programs.kept / "part").write_bytes(b"what a killed worker has left")
    node.start()
    again = Programs(node)
    assert again.asks_for(image) == 0
    assert again.names() == {name(image)}


def test_the_image_that_was_used_longest_ago_goes_first(start: Callable[..., Node]) -> None:
    first, second, third = big("1"), big("2"), big("3")
    programs = with_limit(start, 2 * (len(first) + TAIL) + 4096)  # and their records
    programs.send(first)
    programs.send(second)
    long_ago = 1_000_000_000
    os.utime(programs.kept / name(first), (long_ago, long_ago))
    os.utime(programs.kept / name(second), (long_ago + 1, long_ago + 1))
    assert programs.asks_for(first) == 0
    programs.send(third)
    assert programs.names() == {name(first), name(third)}
    programs.send(big("4", 1_000_000))  # more than fits at all: everything else stays
    assert programs.names() == {name(first), name(third)}


def test_nothing_is_kept_when_nothing_may_be(start: Callable[..., Node]) -> None:
    programs = with_limit(start, 0)
    image = big("x")
    programs.send(image)
    assert programs.asks_for(image) == NOT_FOUND
    assert not programs.kept.exists()


def test_programs_that_send_the_same_image_at_once(programs: Programs) -> None:
    image = big("x", 1_000_000)
    node = programs.node
    sessions = [node.open(node.ticket()) for _ in range(4)]
    asked = []
    for session in sessions:
        session.begin()
        head = struct.pack("<Q32sQQII", module(1), hashlib.sha256(image).digest(), len(image), 0, 2, 0)
        asked.append(session.send(wire.MODULE_LOAD, head, image, flags=wire.WANTS_REPLY))
    for session, sequence in zip(sessions, asked, strict=True):
        assert session.answer_to(sequence).status == 0
        session.socket.close()
    assert programs.names() == {name(image)}
    assert programs.asks_for(image) == 0


def test_the_second_program_takes_the_record_of_the_first(programs: Programs) -> None:
    """What the driver would say is not asked again: here it would say something else."""
    image = big("x")
    programs.send(image)
    (kept,) = programs.records()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    record = bytearray(kept.read_bytes()[32:])
    struct.pack_into("<i", record, 16 + 24, 417)  # the first attribute of the first kernel
    kept.write_bytes(hashlib.sha256(record).digest() + record)
    answers: list[Frame] = []
    programs.run(lambda session: answers.append(by_name(session, image, module(1))))
    assert answers[0].arguments[: len(record)] == bytes(record)


@pytest.mark.parametrize("damage", ["bit", "short", "empty", "another"])
def test_a_damaged_record_is_made_again(programs: Programs, damage: str) -> None:
    image = big("x")
    programs.send(image)
    (kept,) = programs.records()
    right = kept.read_bytes()
    other = struct.pack("<4I", 0, 0, 0, 0)
    wrong = {
        "bit": right[:-1] + bytes([right[-1] ^ 1]),
        "short": right[:40],
        "empty": b"",
        "another": hashlib.sha256(other).digest() + other,
    }[damage]
    kept.write_bytes(wrong)
    answers: list[Frame] = []
    programs.run(lambda session: answers.append(by_name(session, image, module(1))))
    assert answers[0].status == 0
    assert answers[0].arguments[: len(right) - 32] == right[32:]
    assert kept.read_bytes() == right


def test_a_library_and_other_options_have_records_of_their_own(programs: Programs) -> None:
    image, library = big("x"), 1
    programs.send(image)
    optimisation_level = struct.pack("<IIQ", 7, 0, 2)

    def body(session: Session) -> None:
        digest = hashlib.sha256(image).digest()
        head = struct.pack("<Q32sQQII", handle(wire.KIND_LIBRARY, 1), digest, len(image), 0, library, 0)
        assert session.ask(wire.MODULE_LOAD, head).status == 0
        head = struct.pack("<Q32sQQII", module(2), digest, len(image), 0, 0, 1)
        assert session.ask(wire.MODULE_LOAD, head + optimisation_level).status == 0

    programs.run(body)
    assert len(programs.records()) == 3


def test_a_record_that_no_answer_holds_comes_in_pieces(programs: Programs) -> None:
    """Of 25,000 kernels. The pieces are there once, and go with the module."""
    kernels, length = 25_000, 7
    source = b".version 8.0\n.target sm_80\n.address_size 64\n"
    source += b"".join(b".visible .entry k%06d() { ret; }\n" % number for number in range(kernels))
    image = source + b"\0"
    piece_bytes = 2 << 20

    def rest(session: Session, offset: int) -> Frame:
        return session.ask(wire.MODULE_RECORD, struct.pack("<QQ", module(1), offset))

    def body(session: Session) -> None:
        first = load(session, image, module(1))
        assert first.status == 0
        assert len(first.bulk) == piece_bytes
        assert rest(session, 2**40).status == INVALID_VALUE
        whole = first.bulk + rest(session, piece_bytes).bulk
        head = struct.unpack_from("<4I", whole)
        assert head == (kernels, 0, 0, kernels * length)
        assert len(whole) == 16 + kernels * 88 + head[3]
        assert whole.endswith(b"k024999")
        assert rest(session, piece_bytes).status != 0

        assert load(session, image, module(2)).status == 0
        session.send(wire.MODULE_UNLOAD, struct.pack("<Q", module(2)))
        assert session.ask(wire.MODULE_RECORD, struct.pack("<QQ", module(2), piece_bytes)).status != 0

    programs.run(body)
