"""What kernels do together: divergence, barriers, locks, warp operations, atomics, matrices, faults, bad input."""

import numpy as np
import pytest

from .machine import HEADER, FaultError, Machine

I32, U32, F32 = np.int32, np.uint32, np.float32


def entry(body: str, parameters: int = 1, head: str = "", attributes: str = "") -> str:
    """A kernel `k` with pointer parameters in %a0, %a1, …; %t is the thread, %o its element of %a0 (4 bytes each)."""
    lines = [
        HEADER,
        head,
        ".visible .entry k(",
        ", ".join(f".param .u64 p{i}" for i in range(parameters)),
        ")",
        attributes,
    ]
    lines.append(
        "{ .reg .pred %p<9>; .reg .b16 %h<9>; .reg .b32 %r<99>, %t; .reg .f32 %f<99>; .reg .b64 %d<20>, %a<9>, %o;"
    )
    lines += [f"ld.param.u64 %a{i}, [p{i}];" for i in range(parameters)]
    lines.append("mov.u32 %t, %tid.x; mul.wide.u32 %o, %t, 4; add.s64 %o, %o, %a0;")
    return "\n".join([*lines, body, "ret; }"])


def run(
    machine: Machine, text: str, *arrays: np.ndarray | np.generic, grid: int = 1, block: int = 32, **options: bool
) -> list[np.ndarray]:
    module = machine.load(text)
    return machine.run(module, "k", grid, block, *arrays, **options)


def test_lanes_of_a_divergent_loop_meet_again(machine: Machine) -> None:
    body = """
    mov.u32 %r1, 0; mov.u32 %r2, %t;
    LOOP: setp.eq.u32 %p1, %r2, 0; @%p1 bra OUT; add.u32 %r1, %r1, %r2; sub.u32 %r2, %r2, 1; bra LOOP;
    OUT: activemask.b32 %r3; setp.eq.u32 %p2, %r3, 0xffffffff; @%p2 add.u32 %r1, %r1, 1000;
    st.global.u32 [%o], %r1;"""
    got = run(machine, entry(body), np.zeros(32, U32))[0]
    assert got.tolist() == [n * (n + 1) // 2 + 1000 for n in range(32)]


def test_a_declaration_needs_no_blank_behind_reg(machine: Machine) -> None:
    body = "{.reg.b32 a, b;\nmov.b32 a, %t; add.u32 b, a, 7; st.global.u32 [%o], b;}"
    got = run(machine, entry(body), np.zeros(32, U32))[0]
    assert got.tolist() == list(range(7, 39))


def test_a_lock_taken_by_lanes_of_one_warp_is_passed_on(machine: Machine) -> None:
    body = """
    TRY: atom.global.cas.b32 %r1, [%a0], 0, 1; setp.ne.u32 %p1, %r1, 0; @%p1 bra TRY;
    ld.volatile.global.u32 %r2, [%a0+4]; add.u32 %r2, %r2, 1; st.volatile.global.u32 [%a0+4], %r2;
    membar.gl; atom.global.exch.b32 %r3, [%a0], 0;"""
    got = run(machine, entry(body), np.zeros(2, U32), grid=8, block=64)[0]
    assert got.tolist() == [0, 512]


def test_blocks_may_wait_for_the_block_before_them(machine: Machine) -> None:
    body = """
    mov.u32 %r1, %ctaid.x; mul.wide.u32 %d1, %r1, 4; add.s64 %d2, %a0, %d1;
    setp.eq.u32 %p1, %r1, 0; mov.u32 %r2, 0; @%p1 bra GO;
    WAIT: ld.acquire.gpu.global.u32 %r2, [%d2+-4]; setp.eq.u32 %p2, %r2, 0; @%p2 bra WAIT;
    GO: add.u32 %r2, %r2, 3; st.release.gpu.global.u32 [%d2], %r2;"""
    got = run(machine, entry(body), np.zeros(300, U32), grid=300, block=1)[0]
    assert got.tolist() == [3 * (i + 1) for i in range(300)]


def test_blocks_may_even_wait_for_later_ones(machine: Machine) -> None:
    body = """
    atom.global.add.u32 %r1, [%a0], 1;
    WAIT: ld.volatile.global.u32 %r2, [%a0]; setp.lt.u32 %p1, %r2, 8; @%p1 bra WAIT;"""
    assert run(machine, entry(body), np.zeros(1, U32), grid=8, block=1)[0][0] == 8


def test_barriers_with_counts_and_reductions(machine: Machine) -> None:
    body = """
    .shared .b32 cell; setp.lt.u32 %p1, %t, 32; @!%p1 bra CONSUMER;
    st.shared.u32 [cell], 77; bar.arrive 3, 64; bra ALL;
    CONSUMER: bar.sync 3, 64; ld.shared.u32 %r1, [cell];
    ALL: setp.lt.u32 %p2, %t, 40; bar.red.popc.u32 %r2, 0, %p2; bar.red.and.pred %p3, 0, %p2;
    bar.red.or.pred %p4, 0, %p2;
    @!%p1 mad.lo.u32 %r2, %r1, 100, %r2; @%p3 mov.u32 %r2, 0; @!%p4 mov.u32 %r2, 1;
    st.global.u32 [%o], %r2;"""
    got = run(machine, entry(body), np.zeros(64, U32), block=64)[0]
    assert got.tolist() == [40] * 32 + [7740] * 32


def test_exited_threads_do_not_hold_a_barrier(machine: Machine) -> None:
    body = """
    setp.ge.u32 %p1, %t, 50; @%p1 exit; .shared .b32 cell[64]; mov.u32 %r1, cell; shl.b32 %r2, %t, 2;
    add.u32 %r3, %r1, %r2;
    st.shared.u32 [%r3], %t; bar.sync 0; sub.u32 %r4, 49, %t; shl.b32 %r4, %r4, 2; add.u32 %r4, %r4, %r1;
    ld.shared.u32 %r5, [%r4]; st.global.u32 [%o], %r5;"""
    got = run(machine, entry(body), np.zeros(100, U32), block=100)[0]
    assert got.tolist() == [49 - i for i in range(50)] + [0] * 50


@pytest.mark.parametrize(
    ("form", "source"),
    [
        ("up.b32 %r1|%p1, %t, 3, 0", lambda i: i - 3 if i >= 3 else None),
        ("down.b32 %r1|%p1, %t, 5, 31", lambda i: i + 5 if i + 5 < 32 else None),
        ("bfly.b32 %r1|%p1, %t, 9, 31", lambda i: i ^ 9),
        ("idx.b32 %r1|%p1, %t, 6, 0x181f", lambda i: i // 8 * 8 + 6),
        ("idx.b32 %r1|%p1, %t, 17, 31", lambda i: 17),
        ("bfly.b32 %r1|%p1, %t, 3, 0x1807", lambda i: i ^ 3),
        ("up.b32 %r1|%p1, %t, %r7, %r8", lambda i: i - i % 5 if i % 5 <= i else None),
        ("down.b32 %r1|%p1, %t, %r7, 31", lambda i: i + i % 5 if i + i % 5 < 32 else None),
    ],
)
@pytest.mark.parametrize("destination", ["%r1", "%t"])
def test_shuffle(machine: Machine, form: str, source, destination: str) -> None:
    body = f"rem.u32 %r7, %t, 5; mov.u32 %r8, 0; mov.u32 %r1, 0; shfl.sync.{form}, 0xffffffff;"
    body = body.replace("%r1|", f"{destination}|")
    body += f" @!%p1 add.u32 {destination}, {destination}, 100; st.global.u32 [%o], {destination};"
    got = run(machine, entry(body), np.zeros(32, U32))[0]
    assert got.tolist() == [i + 100 if source(i) is None else source(i) for i in range(32)]


def test_vote_match_and_reduction(machine: Machine) -> None:
    body = """
    and.b32 %r1, %t, 3; setp.eq.u32 %p1, %r1, 1; vote.sync.ballot.b32 %r2, %p1, -1; vote.sync.all.pred %p2, !%p1, -1;
    vote.sync.any.pred %p3, %p1, -1; match.any.sync.b32 %r3, %r1, -1; redux.sync.add.s32 %r4, %t, -1;
    match.all.sync.b32 %r5|%p4, %r1, -1; xor.b32 %r6, %r2, %r3; add.u32 %r6, %r6, %r4; add.u32 %r6, %r6, %r5;
    @%p2 add.u32 %r6, %r6, 1; @!%p3 add.u32 %r6, %r6, 1; @%p4 add.u32 %r6, %r6, 1; st.global.u32 [%o], %r6;"""
    got = run(machine, entry(body), np.zeros(32, U32))[0]
    assert got.tolist() == [(0x22222222 ^ (0x11111111 << (i & 3))) + 496 for i in range(32)]


@pytest.mark.parametrize(
    ("form", "start", "model"),
    [
        ("add.u32", 5, lambda v: 5 + v.sum()),
        ("min.s32", 50, lambda v: v.min()),
        ("max.u32", 7, lambda v: v.max()),
        ("or.b32", 0, np.bitwise_or.reduce),
        ("xor.b32", 0, np.bitwise_xor.reduce),
        ("and.b32", -1, np.bitwise_and.reduce),
        ("inc.u32", 0, lambda v: None),
        ("add.u64", 9, lambda v: 9 + v.sum()),
        ("max.s64", -4, lambda v: v.max()),
    ],
)
@pytest.mark.parametrize("space", ["global", ""])
def test_integer_atomics(machine: Machine, form: str, start: int, model, space: str) -> None:
    wide = form.endswith("64")
    value = "%d1" if wide else "%t"
    operand = "1000" if form == "inc.u32" else value
    destination = "%d2" if wide else "%r2"
    dot = "." + space if space else ""
    body = "cvt.u64.u32 %d1, %t; "
    body += f"atom{dot}.{form} {destination}, [%a0], {operand}; red{dot}.relaxed.gpu.{form} [%a0+8], {operand};"
    memory = np.array([start, 0, start, 0], I32) if not wide else np.array([start, start], np.int64)
    got = run(machine, entry(body), memory, block=96, grid=4)[0]
    threads = np.tile(np.arange(96), 4)
    want = 384 if form == "inc.u32" else model(threads)
    assert int(got[0]) == int(want)
    assert int(got[1 if wide else 2]) == int(want)


@pytest.mark.parametrize(
    ("type_", "register", "dtype"),
    [
        ("f32", "f32", F32),
        ("f64", "f64", np.float64),
        ("noftz.f16", "b16", np.float16),
        ("noftz.f16x2", "b32", np.float16),
    ],
)
def test_float_atomic_add(machine: Machine, type_: str, register: str, dtype: type) -> None:
    bits = np.ones(2, dtype).view({2: np.uint16, 4: U32, 8: np.uint64}[np.dtype(dtype).itemsize])
    one = f"0x{int(bits[0]):x}" if register[0] == "b" and type_ != "noftz.f16x2" else "0x3c003c00"
    one = {"f32": "0f3F800000", "f64": "0d3FF0000000000000"}.get(register, one)
    body = f"{{ .reg .{register} v; mov.{register} v, {one}; red.global.add.{type_} [%a0], v; }}"
    got = run(machine, entry(body), np.zeros(8, dtype), block=64, grid=3)[0]
    assert got[0] == 192
    assert got[1] == (192 if type_ == "noftz.f16x2" else 0)


def fragments(kind: str, deep: int) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(deep)
    a, b = random.integers(-8, 8, (16, deep)).astype(F32), random.integers(-8, 8, (deep, 8)).astype(F32)
    return kind, a, b, a @ b


@pytest.mark.parametrize(
    ("kind", "deep"),
    [("f16", 16), ("f16", 8), ("bf16", 16), ("bf16", 8), ("tf32", 8), ("e4m3", 32), ("e5m2", 32), ("s8", 32)],
)
def test_matrix_multiply(machine: Machine, kind: str, deep: int) -> None:
    kind, a, b, product = fragments(kind, deep)
    if kind == "e5m2":  # two bits behind the leading one
        a, b = np.sign(a) * (abs(a) // 2 * 2), np.sign(b) * (abs(b) // 2 * 2)
        product = a @ b
    per = {"f16": 2, "bf16": 2, "tf32": 1, "e4m3": 4, "e5m2": 4, "s8": 4}[kind]

    def encode(x: float) -> int:
        if kind == "s8":
            return int(x) & 255
        if kind == "e4m3":  # whole numbers below 16 are exact
            if x == 0:
                return 0
            exponent = int(np.floor(np.log2(abs(x))))
            return (128 if x < 0 else 0) | exponent + 7 << 3 | int(abs(x) / 2.0**exponent * 8) - 8
        if kind in ("f16", "e5m2"):
            return int(np.float16(x).view(np.uint16)) >> (8 if kind == "e5m2" else 0)
        bits = int(F32(x).view(U32))
        return bits >> 16 if kind == "bf16" else bits

    a_count, b_count, width = 16 * deep // (32 * per), deep * 8 // (32 * per), 32 // per
    words = np.zeros((a_count + b_count, 32), U32)
    for lane in range(32):
        g, t = lane // 4, lane % 4
        for e in range(per):
            for r in range(a_count):
                words[r, lane] |= encode(a[g + 8 * (r & 1), per * t + 4 * per * (r >> 1) + e]) << width * e
            for r in range(b_count):
                words[a_count + r, lane] |= encode(b[per * t + 4 * per * r + e, g]) << width * e
    loads = "".join(f"ld.global.b32 %r{r}, [%o+{128 * r}];" for r in range(a_count + b_count))
    listed = lambda first, count: "{" + ", ".join(f"%r{first + i}" for i in range(count)) + "}"  # noqa: E731
    result, types = ("s32", f"s32.{kind}.{kind}.s32") if kind == "s8" else ("f32", f"f32.{kind}.{kind}.f32")
    d = "{%r40, %r41, %r42, %r43}"
    body = f"""{loads} mov.b32 %r50, 0; add.s64 %d1, %o, 0; sub.s64 %d1, %d1, %a0; add.s64 %d1, %d1, %a1;
    mma.sync.aligned.m16n8k{deep}.row.col.{types} {d},
        {listed(0, a_count)}, {listed(a_count, b_count)}, {{%r50, %r50, %r50, %r50}};
    """ + "".join(f"st.global.b32 [%d1+{128 * r}], %r{40 + r};" for r in range(4))
    out = run(machine, entry(body, 2), words, np.zeros((4, 32), I32 if result == "s32" else F32))[1]
    got = np.zeros((16, 8))
    for lane in range(32):
        for r in range(4):
            got[lane // 4 + 8 * (r >> 1), 2 * (lane % 4) + (r & 1)] = out[r, lane]
    assert (got == product).all()


def test_what_is_known_before_a_kernel_runs_is_right_in_each_block(machine: Machine) -> None:
    """Copies of parameters, constants and special registers need not be executed, unless something else is assigned."""
    text = (
        HEADER
        + """
    .visible .entry k(.param .u64 out, .param .u32 add) {
      .reg .pred %p<3>; .reg .b32 %r<30>; .reg .f32 %f<3>; .reg .b64 %d<9>;
      ld.param.u64 %d1, [out]; cvta.to.global.u64 %d2, %d1; ld.param.u32 %r1, [add];
      mov.u32 %r2, %tid.x; mov.u32 %r3, %ctaid.x; mov.u32 %r4, %ntid.x; mov.b32 %r5, %r1; mov.f32 %f1, 0f40400000;
      mov.u32 %r6, 5; setp.gt.u32 %p1, %r2, 3; @%p1 mov.u32 %r6, 6;
      mov.u32 %r7, %r1; add.u32 %r1, %r1, %r6;
      mov.u32 %r9, 0;
      { .reg .b32 %r, %q<2>, %q; mov.b32 %q, 40; mov.b32 %r, 2; mov.b32 %q1, %r; add.u32 %r1, %r1, %q1;
        sub.u32 %r1, %r1, %q; add.u32 %r1, %r1, 38; }
    again: add.u32 %r9, %r9, 1; setp.lt.u32 %p2, %r9, %r5; @%p2 bra again;
      bra later;
    earlier:
      cvt.rzi.u32.f32 %r10, %f1; mad.lo.u32 %r11, %r3, %r4, %r2; mul.wide.u32 %d3, %r11, 16; add.s64 %d4, %d2, %d3;
      mad.lo.u32 %r12, %r10, 1000, %r20; st.global.v4.u32 [%d4], {%r1, %r7, %r9, %r12}; ret;
    later: mov.u32 %r20, 9; bra earlier;
    }"""
    )
    got = run(machine, text, np.zeros((24, 4), U32), np.uint32(4), block=8, grid=3)[0]
    assert got.tolist() == [[9 + (i % 8 > 3), 4, 4, 3009] for i in range(24)]


PLACES: dict[str, str] = {  # which element each of 32 lanes takes
    "next to each other": "mov.u32 %r1, %t;",
    "all the same": "mov.u32 %r1, 5;",
    "halves apart": "and.b32 %r1, %t, 15; shr.u32 %r2, %t, 4; mad.lo.u32 %r1, %r2, 40, %r1;",
    "one place for each half": "shr.u32 %r1, %t, 4; mul.lo.u32 %r1, %r1, 7;",
    "a half and a place": "and.b32 %r1, %t, 16; max.u32 %r1, %r1, %t; setp.lt.u32 %p1, %t, 16; @%p1 mov.u32 %r1, 3;",
    "backwards": "sub.u32 %r1, 31, %t;",
    "by threes": "mul.lo.u32 %r1, %t, 3;",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("space", ["global", "shared"])
@pytest.mark.parametrize("form", ["u8", "u16", "b32", "b64", "v2.b32", "v4.b32", "v2.b64"])
def test_loads_and_stores_wherever_the_lanes_go(machine: Machine, place: str, space: str, form: str) -> None:
    width = int(form[-2:].lstrip("bu")) // 8
    count = int(form[1]) if form[0] == "v" else 1
    size = width * count
    names = [f"v{i}" for i in range(count)]
    value = "{" + ", ".join(names) + "}" if count > 1 else names[0]
    fill = f"""
    .shared .align 16 .b8 tile[2048]; .reg .b{max(16, 8 * width)} {", ".join(names)}; .reg .b64 %near, %far, %from;
    mov.u32 %r9, %t; cvta.to.global.u64 %far, %a1; mov.u64 %near, tile;
    copy: add.u32 %r8, %r9, 0; cvt.u64.u32 %d1, %r8; add.s64 %d2, %far, %d1; ld.global.u8 %h1, [%d2];
    add.s64 %d2, %near, %d1; st.shared.u8 [%d2], %h1; add.u32 %r9, %r9, 32; setp.lt.u32 %p2, %r9, 2048; @%p2 bra copy;
    bar.sync 0;"""
    base = "%near" if space == "shared" else "%far"
    body = f"""{fill} {PLACES[place]} mul.wide.u32 %d1, %r1, {size}; add.s64 %from, {base}, %d1;
    ld.{space}.{form} {value}, [%from]; mul.wide.u32 %d2, %t, {size}; add.s64 %d2, %a0, %d2;
    st.global.{form} [%d2], {value}; setp.gt.u32 %p3, %t, 6; mul.wide.u32 %d2, %r1, {size};
    @%p3 ld.{space}.{form} {value}, [%from]; add.s64 %d2, %d2, %a2; @%p3 st.global.{form} [%d2], {value};"""
    data = np.random.default_rng(size).integers(0, 256, 2048, np.uint8)
    first, _, second = run(machine, entry(body, 3), np.zeros(32 * size, np.uint8), data, np.zeros(2048, np.uint8))
    takes = {
        "next to each other": range(32),
        "all the same": [5] * 32,
        "halves apart": [i % 16 + 40 * (i // 16) for i in range(32)],
        "one place for each half": [i // 16 * 7 for i in range(32)],
        "a half and a place": [3] * 16 + list(range(16, 32)),
        "backwards": range(31, -1, -1),
        "by threes": range(0, 96, 3),
    }[place]
    elements = data.reshape(-1, size)
    assert (first.reshape(-1, size) == elements[list(takes)]).all()
    want = np.zeros_like(elements)
    for lane, element in enumerate(takes):
        if lane > 6:
            want[element] = elements[element]
    assert (second.reshape(-1, size) == want).all()


@pytest.mark.parametrize("form", ["v2.f32", "v4.f32", "noftz.v2.f16x2"])
def test_atomic_addition_to_vectors(machine: Machine, form: str) -> None:
    count, half = int(form.split("v")[1][0]), form.endswith("x2")
    dtype, one = (np.float16, "0x3c003c00") if half else (F32, "0f3F800000")
    old = ", ".join(f"%r{i}" for i in range(1, count + 1))
    regs = "".join(f"mov.b32 %r{4 + i}, {one};" for i in range(1, count + 1))
    ones = ", ".join(f"%r{4 + i}" for i in range(1, count + 1))
    body = f"{regs} atom.global.gpu.relaxed.add.{form} {{{old}}}, [%a0], {{{ones}}};"
    body += f"red.global.add.{form} [%a0+16], {{{ones}}};"
    got = run(machine, entry(body), np.zeros(16, dtype), block=64, grid=3)[0]
    touched = count * (2 if half else 1)
    assert got.view(dtype)[:touched].tolist() == [192] * touched
    later = 16 // np.dtype(dtype).itemsize
    assert got[later : later + touched].tolist() == [192] * touched


@pytest.mark.parametrize("trans", ["", ".trans"])
def test_load_matrix_after_asynchronous_copy(machine: Machine, trans: str) -> None:
    body = f"""
    .shared .align 16 .b8 tile[512]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.u32 %r3, %r1, %r2;
    mul.wide.u32 %d1, %t, 16;
    add.s64 %d2, %a1, %d1; cp.async.cg.shared.global [%r3], [%d2], 16; cp.async.commit_group; cp.async.wait_group 0;
    bar.warp.sync -1; ldmatrix.sync.aligned.m8n8.x4{trans}.shared.b16 {{%r4, %r5, %r6, %r7}}, [%r3];
    st.global.b32 [%o], %r4; st.global.b32 [%o+128], %r5; st.global.b32 [%o+256], %r6; st.global.b32 [%o+384], %r7;"""
    data = np.arange(256, dtype=np.uint16)
    got = run(machine, entry(body, 2), np.zeros(128, U32), data)[0].view(np.uint16).reshape(4, 8, 8)
    tiles = data.reshape(4, 8, 8)
    assert (got == (tiles.transpose(0, 2, 1) if trans else tiles)).all()


def test_asynchronous_copy_fills_with_zeros(machine: Machine) -> None:
    body = """
    .shared .align 16 .b8 cell[16]; mov.u32 %r1, cell; st.shared.v2.u32 [%r1+8], {7, 7};
    cp.async.ca.shared.global [%r1], [%a1], 16, 4;
    ld.shared.v4.u32 {%r2, %r3, %r4, %r5}, [cell]; st.global.v4.u32 [%a0], {%r2, %r3, %r4, %r5};"""
    got = run(machine, entry(body, 2), np.ones(4, U32), np.full(4, 9, U32), block=1)[0]
    assert got.tolist() == [9, 0, 0, 0]


def test_variables_functions_and_tables(machine: Machine) -> None:
    head = """
    .global .align 4 .b32 values[3] = {5, 6, 7};
    .global .align 8 .u64 pointers[2] = {generic(values)+4, values};
    .const .align 4 .f32 scale = 0f40000000;
    .func (.param .b32 out) twice(.param .b32 in) { .reg .b32 %r<3>; ld.param.b32 %r1, [in]; add.u32 %r2, %r1, %r1;
      st.param.b32 [out], %r2; ret; }"""
    body = """
    ld.global.u64 %d1, [pointers]; ld.global.u32 %r1, [%d1+4];
    { .param .b32 x; .param .b32 y; st.param.b32 [x], %r1; call.uni (y), twice, (x); ld.param.b32 %r2, [y]; }
    ld.const.f32 %f1, [scale]; cvt.rzi.u32.f32 %r3, %f1; add.u32 %r2, %r2, %r3;
    and.b32 %r4, %t, 3; TABLE: .branchtargets A, B, C, B; brx.idx %r4, TABLE;
    A: add.u32 %r2, %r2, 100; bra D; B: add.u32 %r2, %r2, 200; bra D; C: add.u32 %r2, %r2, 300;
    D: st.global.u32 [%o], %r2;"""
    module = machine.load(entry(body, head=head))
    assert machine.ask(f"variables {module}").split() == ["values:12", "pointers:16", "scale:4"]
    got = machine.run(module, "k", 1, 8, np.zeros(8, U32))[0]
    assert got.tolist() == [116, 216, 316, 216] * 2


def test_local_memory_and_the_bracketed_address(machine: Machine) -> None:
    body = """
    .local .align 8 .b8 local0[64]; st.local.u32 [local0[0]], %t; st.local.u32 [local0+8], 5; mov.u64 %d1, local0;
    cvta.local.u64 %d2, %d1; ld.u32 %r1, [%d2]; ld.local.u32 %r2, [local0[8]]; isspacep.local %p1, %d2;
    mad.lo.u32 %r1, %r1, 10, %r2; @!%p1 mov.u32 %r1, 0; st.global.u32 [%o], %r1;"""
    assert run(machine, entry(body), np.zeros(32, U32))[0].tolist() == [10 * i + 5 for i in range(32)]


def test_an_element_of_a_variable_is_counted_in_elements(machine: Machine) -> None:
    head = ".global .align 4 .u32 table[4] = {7, 8, 9, 10};"
    body = """
    .shared .align 16 .b8 bytes[256]; .shared .b32 words[8]; .local .b64 wide[4];
    mov.u64 %d1, bytes[0]; st.shared.u32 [%d1+12], 5; ld.shared.u32 %r1, [bytes[12]];
    mov.u32 %r9, words[3]; st.shared.u32 [%r9], 600; ld.shared.u32 %r2, [words+12];
    st.local.u64 [wide[2]], 4000; ld.local.u64 %d3, [wide+16]; cvt.u32.u64 %r3, %d3;
    mov.u64 %d4, table[2]; ld.global.u32 %r4, [%d4]; ld.global.u32 %r5, [table[3]];
    add.u32 %r1, %r1, %r2; add.u32 %r1, %r1, %r3; add.u32 %r1, %r1, %r4; add.u32 %r1, %r1, %r5;
    st.global.u32 [%o], %r1;"""
    module = machine.load(entry(body, head=head))
    assert machine.ask(f"variables {module}") == "table:16"
    got = machine.run(module, "k", 1, 32, np.zeros(32, U32))[0]
    assert got.tolist() == [5 + 600 + 4000 + 9 + 10] * 32


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("st.global.u32 [%o+4096], %t;", "illegal_address", ["write", "thread (0,0,0)", "block (0,0,0)", "kernel 'k'"]),
        ("ld.global.u32 %r1, [%o+-4]; st.global.u32 [%o], %r1;", "illegal_address", ["read", "thread (0,0,0)"]),
        ("ld.global.u32 %r1, [0];", "illegal_address", ["0x0"]),
        ("ld.global.u32 %r1, [%o+2];", "misaligned_address", ["not a multiple of 4"]),
        (".shared .b32 cell; ld.shared.u32 %r1, [cell+4];", "illegal_address", ["shared memory"]),
        (".local .b32 cell; st.local.u32 [cell+64], 1;", "illegal_address", ["local memory"]),
        ("setp.eq.u32 %p1, %t, 5; @%p1 trap;", "trap", ["thread (5,0,0)"]),
        ("bar.sync 16;", "illegal_instruction", ["16"]),
        ("atom.global.add.u32 %r1, [%a0+-4], 1;", "illegal_address", ["atomic"]),
        ("ld.param.u32 %r1, [p0+8];", "illegal_address", ["parameters"]),
    ],
)
def test_faults_say_where(machine: Machine, body: str, kind: str, words: list[str]) -> None:
    text = entry(body)
    line = text[: text.index(body)].count("\n") + 1
    with pytest.raises(FaultError) as caught:
        run(machine, text, np.zeros(32, U32))
    assert caught.value.kind == kind
    for word in [*words, f"line {line}"]:
        assert word in str(caught.value)


def test_a_read_only_region_cannot_be_written(machine: Machine) -> None:
    module = machine.load(entry("st.global.u32 [%o], %t;"))
    name = machine.buffer(np.zeros(32, U32), "ro")
    with pytest.raises(FaultError, match="write"):
        machine.run(module, "k", 1, 32, f"p:{name}")
    machine.ask(f"drop {name}")


def test_endless_recursion_is_a_stack_overflow(machine: Machine) -> None:
    head = ".func deeper() { call deeper; ret; }"
    with pytest.raises(FaultError, match="stack overflow"):
        run(machine, entry("call deeper;", head=head), np.zeros(1, U32))


def test_an_endless_kernel_is_stopped_from_outside(machine: Machine) -> None:
    machine.ask("stop_after 2")
    try:
        with pytest.raises(FaultError) as caught:
            run(machine, entry("LOOP: bra LOOP;"), np.zeros(1, U32), grid=4)
        assert caught.value.kind == "stopped"
    finally:
        machine.ask("stop_after 0")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("wgmma.fence.sync.aligned;", "unknown instruction 'wgmma.fence.sync.aligned'"),
        ("add.weird.s32 %r1, %r1, %r1;", "weird"),
        ("add.s32 %r1, %r1, %nothing;", "'%nothing' is not declared"),
        ("add.s64 %d1, %d1, %r1;", "size of this operand"),
        ("bra NOWHERE;", "label 'NOWHERE'"),
        ("add.s32 %r1, %r1;", "too few operands"),
        ("call missing;", "'missing'"),
    ],
)
def test_what_is_unknown_marks_its_kernel_alone(machine: Machine, body: str, sentence: str) -> None:
    text = entry("\n\n" + body) + "\n.visible .entry fine() { ret; }"
    module = machine.load(text)
    line = text[: text.index(body)].count("\n") + 1
    why = machine.ask(f"why {module} k")
    assert sentence in why
    assert f"line {line}" in why
    assert machine.ask(f"why {module} fine") == ""
    machine.run(module, "fine", 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        HEADER + ".visible .entry k( {",
        HEADER + ".visible .entry k() { ret;",
        HEADER + ".global .b32 x[99999999999999999];",
        "\x7fELF",
    ],
)
def test_bad_text_is_refused_with_its_line(machine: Machine, text: str) -> None:
    with pytest.raises(ValueError, match=r"^line \d+: "):
        machine.load(text)


def test_opaque_pointers_do_not_shift_the_parameters(machine: Machine) -> None:
    text = (
        HEADER
        + """.visible .entry k(.param .u8 c, .param .u64 .ptr .global .align 1 p, .param .align 16 .b8 s[20])
    .maxntid 128, 2, 1 { .loc 1 2 3
    .reg .b32 %r<3>; .reg .b64 %d<2>; ld.param.u8 %r0, [c]; ld.param.u64 %d0, [p]; ld.param.u32 %r1, [s+16];
    .pragma "nounroll"; add.u32 %r2, %r0, %r1; st.global.u32 [%d0], %r2; ret; }"""
    )
    module = machine.load(text)
    assert machine.ask(f"kernels {module}") == "k;36;0;0;256"
    got = machine.run(module, "k", 1, 1, np.uint8(200), np.zeros(1, U32), np.array((b"\0" * 16, 55), "V16,u4")[()])[0]
    assert got[0] == 255
