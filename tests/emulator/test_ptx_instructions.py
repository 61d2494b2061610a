"""One row per opcode and form: a kernel of one instruction against NumPy or a model of bits in whole numbers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from .machine import HEADER, Machine

Array = np.ndarray[Any, Any]
LANES = 256

REGISTER = {"h": "b16", "w": "b32", "q": "b64", "f": "f32", "d": "f64"}
DTYPE = {"h": np.uint16, "w": np.uint32, "q": np.uint64, "f": np.float32, "d": np.float64}


def interesting(kind: str, seed: int) -> Array:
    """256 values: corners first, then random bits, then ordinary numbers."""
    random = np.random.default_rng(seed)
    if kind in "fd":
        dtype = DTYPE[kind]
        tiny = np.finfo(dtype).smallest_subnormal
        corners = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            math.inf,
            -math.inf,
            math.nan,
            0.5,
            1.5,
            2.5,
            -2.5,
            tiny,
            -tiny,
            3e9,
            -3e9,
            1e19,
        ]
        corners += [np.finfo(dtype).max, np.finfo(dtype).tiny, 127.5, 128.5, 255.5, 65504.0, 65520.0, 1e-8]
        values = np.concatenate([np.array(corners, dtype), random.normal(0, 100, LANES - len(corners)).astype(dtype)])
    else:
        dtype = DTYPE[kind]
        bits = np.iinfo(dtype).bits
        top = 1 << (bits - 1)
        corners = [0, 1, 2, 31, 32, 33, 63, 64, 255, top - 1, top, top + 1, 2 * top - 1, 2 * top - 2, 16, 15]
        rest = random.integers(0, 2 * top, LANES - len(corners), dtype=np.uint64)
        rest[::3] = rest[::3] % 70
        values = np.concatenate([np.array(corners, dtype), rest.astype(dtype)])
    return values[random.permutation(LANES)] if seed else values


def kernel(instruction: str, shape: str) -> str:
    """A kernel `k`: loads one value per source, runs the instruction, stores d. `shape` begins with d's kind."""
    lines = [HEADER, ".visible .entry k("]
    lines.append(", ".join(f".param .u64 p{i}" for i in range(len(shape))) + ") {")
    for i, kind in enumerate(shape):
        lines.append(f".reg .{REGISTER[kind]} %x{i};")
    lines.append(".reg .pred %p, %q; .reg .b32 %t; .reg .b64 %o<9>, %a<9>; mov.u32 %t, %tid.x;")
    for i, kind in enumerate(shape):
        size = np.dtype(DTYPE[kind]).itemsize
        lines.append(f"ld.param.u64 %a{i}, [p{i}]; mul.wide.u32 %o{i}, %t, {size}; add.s64 %a{i}, %a{i}, %o{i};")
        if i:
            lines.append(f"ld.global.{REGISTER[kind]} %x{i}, [%a{i}];")
    zero = {"f": "0f00000000", "d": "0d0000000000000000"}.get(shape[0], "0")
    lines.append(f"mov.{REGISTER[shape[0]]} %x0, {zero};")
    names = {"d": "%x0", **{chr(ord("a") + i - 1): f"%x{i}" for i in range(1, len(shape))}}
    text = instruction.format(D="%x0", A=names.get("a", ""), B=names.get("b", ""), C="%x3", E="%x4")
    lines.append(text)
    lines.append(f"st.global.{REGISTER[shape[0]]} [%a0], %x0; ret; }}")
    return "\n".join(lines)


def signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def sext(bits: int) -> Callable[[int], int]:
    return lambda value: signed(value, bits)


def cut_div(a: int, b: int) -> int:
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def integer_cases() -> list[tuple[str, str, Callable[..., int]]]:
    cases: list[tuple[str, str, Callable[..., int]]] = []
    for bits, kind in ((16, "h"), (32, "w"), (64, "q")):
        s = sext(bits)
        three, four, shift = kind * 3, kind * 4, kind * 2 + "w"
        top = (1 << bits) - 1
        cases += [
            (f"add.s{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b: a + b),
            (f"sub.s{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b: a - b),
            (f"mul.lo.s{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b: a * b),
            (f"mul.hi.u{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b, n=bits: (a * b) >> n),
            (f"mul.hi.s{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b, n=bits, s=s: (s(a) * s(b)) >> n),
            (f"mad.lo.u{bits} {{D}}, {{A}}, {{B}}, {{C}};", four, lambda a, b, c: a * b + c),
            (
                f"mad.hi.s{bits} {{D}}, {{A}}, {{B}}, {{C}};",
                four,
                lambda a, b, c, n=bits, s=s: ((s(a) * s(b)) >> n) + c,
            ),
            (f"sad.s{bits} {{D}}, {{A}}, {{B}}, {{C}};", four, lambda a, b, c, s=s: abs(s(a) - s(b)) + c),
            (f"min.s{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b, s=s: min(s(a), s(b))),
            (f"max.u{bits} {{D}}, {{A}}, {{B}};", three, max),
            (f"div.u{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b, t=top: a // b if b else t),
            (f"div.s{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b, s=s: cut_div(s(a), s(b)) if b else -1),
            (f"rem.u{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b: a % b if b else a),
            (
                f"rem.s{bits} {{D}}, {{A}}, {{B}};",
                three,
                lambda a, b, s=s: s(a) - s(b) * cut_div(s(a), s(b)) if b else a,
            ),
            (f"neg.s{bits} {{D}}, {{A}};", kind * 2, lambda a: -a),
            (f"abs.s{bits} {{D}}, {{A}};", kind * 2, lambda a, s=s: abs(s(a))),
            (f"and.b{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b: a & b),
            (f"or.b{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b: a | b),
            (f"xor.b{bits} {{D}}, {{A}}, {{B}};", three, lambda a, b: a ^ b),
            (f"not.b{bits} {{D}}, {{A}};", kind * 2, lambda a: ~a),
            (f"cnot.b{bits} {{D}}, {{A}};", kind * 2, lambda a: int(a == 0)),
            (f"shl.b{bits} {{D}}, {{A}}, {{B}};", shift, lambda a, b, n=bits: a << b if b < n else 0),
            (f"shr.u{bits} {{D}}, {{A}}, {{B}};", shift, lambda a, b, n=bits: a >> b if b < n else 0),
            (f"shr.s{bits} {{D}}, {{A}}, {{B}};", shift, lambda a, b, n=bits, s=s: s(a) >> min(b, n - 1)),
        ]
        for name, compare in (("eq", int.__eq__), ("ne", int.__ne__), ("lt", int.__lt__), ("ge", int.__ge__)):
            form = f"setp.{name}.s{bits} %p, {{A}}, {{B}}; selp.b32 {{D}}, 7, 9, %p;"
            cases.append((form, "w" + kind * 2, lambda a, b, c=compare, s=s: 7 if c(s(a), s(b)) else 9))
            form = f"setp.{name}.u{bits} %p, {{A}}, {{B}}; @!%p mov.u32 {{D}}, 3;"
            cases.append((form, "w" + kind * 2, lambda a, b, c=compare: 0 if c(a, b) else 3))
    s32 = sext(32)

    def bfe(a: int, b: int, c: int, bits: int, is_signed: bool) -> int:
        position, length = b & 255, c & 255
        if length == 0:
            return 0
        sign = (
            (signed(a, bits) < 0 if position + length > bits else a >> (position + length - 1) & 1) if is_signed else 0
        )
        value = 0
        for i in range(bits):
            bit = a >> (position + i) & 1 if i < length and position + i < bits else int(sign)
            value |= bit << i
        return value

    def bfi(a: int, b: int, c: int, d: int, bits: int) -> int:
        position, length = c & 255, d & 255
        for i in range(length):
            if position + i < bits:
                b = b & ~(1 << (position + i)) | (a >> i & 1) << (position + i)
        return b

    def prmt(a: int, b: int, c: int) -> int:
        both, result = b << 32 | a, 0
        for i in range(4):
            nibble = c >> 4 * i & 15
            byte = both >> 8 * (nibble & 7) & 255
            result |= (255 if byte & 128 else 0) << 8 * i if nibble & 8 else byte << 8 * i
        return result

    def dp4a(a: int, b: int, c: int) -> int:
        return c + sum(signed(a >> 8 * i, 8) * signed(b >> 8 * i, 8) for i in range(4))

    def top_bit(a: int, bits: int, is_signed: bool) -> int:
        value = signed(a, bits) if is_signed else a
        value = ~value if value < 0 else value
        return value.bit_length() - 1

    both = lambda a, b: b << 32 | a  # noqa: E731
    cases += [
        ("mul.wide.s32 {D}, {A}, {B};", "qww", lambda a, b: s32(a) * s32(b)),
        ("mul.wide.u16 {D}, {A}, {B};", "whh", lambda a, b: a * b),
        ("mad.wide.u32 {D}, {A}, {B}, {C};", "qwwq", lambda a, b, c: a * b + c),
        ("mul24.lo.s32 {D}, {A}, {B};", "www", lambda a, b: signed(a, 24) * signed(b, 24)),
        ("mul24.hi.u32 {D}, {A}, {B};", "www", lambda a, b: ((a & 0xFFFFFF) * (b & 0xFFFFFF)) >> 16),
        ("add.sat.s32 {D}, {A}, {B};", "www", lambda a, b: max(min(s32(a) + s32(b), 2**31 - 1), -(2**31))),
        ("add.cc.u32 {D}, {A}, {B}; addc.u32 {D}, {A}, {C};", "wwww", lambda a, b, c: a + c + ((a + b) >> 32)),
        ("sub.cc.u32 {D}, {A}, {B}; subc.u32 {D}, {C}, 5;", "wwww", lambda a, b, c: c - 5 - int(a < b)),
        (
            "mad.lo.cc.u32 {D}, {A}, {B}, {C}; madc.hi.u32 {D}, {A}, {B}, {C};",
            "wwww",
            lambda a, b, c: ((a * b) >> 32) + c + (((a * b) & 0xFFFFFFFF) + c >> 32),
        ),
        ("shf.l.wrap.b32 {D}, {A}, {B}, {C};", "wwww", lambda a, b, c: both(a, b) << (c & 31) >> 32),
        ("shf.r.wrap.b32 {D}, {A}, {B}, {C};", "wwww", lambda a, b, c: both(a, b) >> (c & 31)),
        ("shf.r.clamp.b32 {D}, {A}, {B}, {C};", "wwww", lambda a, b, c: both(a, b) >> min(c, 32)),
        ("shf.l.clamp.b32 {D}, {A}, {B}, {C};", "wwww", lambda a, b, c: both(a, b) << min(c, 32) >> 32),
        ("lop3.b32 {D}, {A}, {B}, {C}, 0x96;", "wwww", lambda a, b, c: a ^ b ^ c),
        ("lop3.b32 {D}, {A}, {B}, {C}, 0xE8;", "wwww", lambda a, b, c: a & b | b & c | a & c),
        ("popc.b32 {D}, {A};", "ww", lambda a: a.bit_count()),
        ("popc.b64 {D}, {A};", "wq", lambda a: a.bit_count()),
        ("clz.b32 {D}, {A};", "ww", lambda a: 32 - a.bit_length()),
        ("clz.b64 {D}, {A};", "wq", lambda a: 64 - a.bit_length()),
        ("brev.b32 {D}, {A};", "ww", lambda a: int(f"{a:032b}"[::-1], 2)),
        ("brev.b64 {D}, {A};", "qq", lambda a: int(f"{a:064b}"[::-1], 2)),
        ("bfind.u32 {D}, {A};", "ww", lambda a: top_bit(a, 32, False)),
        ("bfind.s32 {D}, {A};", "ww", lambda a: top_bit(a, 32, True)),
        ("bfind.u64 {D}, {A};", "wq", lambda a: top_bit(a, 64, False)),
        ("bfind.shiftamt.u32 {D}, {A};", "ww", lambda a: 31 - top_bit(a, 32, False) if a else -1),
        ("bfe.u32 {D}, {A}, {B}, {C};", "wwww", lambda a, b, c: bfe(a, b, c, 32, False)),
        ("bfe.s32 {D}, {A}, {B}, {C};", "wwww", lambda a, b, c: bfe(a, b, c, 32, True)),
        ("bfe.s64 {D}, {A}, {B}, {C};", "qqww", lambda a, b, c: bfe(a, b, c, 64, True)),
        ("bfi.b32 {D}, {A}, {B}, {C}, {E};", "wwwww", lambda a, b, c, d: bfi(a, b, c, d, 32)),
        ("bfi.b64 {D}, {A}, {B}, {C}, {E};", "qqqww", lambda a, b, c, d: bfi(a, b, c, d, 64)),
        ("prmt.b32 {D}, {A}, {B}, {C};", "wwww", prmt),
        ("dp4a.s32.s32 {D}, {A}, {B}, {C};", "wwww", dp4a),
        (
            "dp2a.lo.u32.u32 {D}, {A}, {B}, {C};",
            "wwww",
            lambda a, b, c: c + (a & 0xFFFF) * (b & 255) + (a >> 16) * (b >> 8 & 255),
        ),
        ("slct.u32.s32 {D}, {A}, {B}, {C};", "wwww", lambda a, b, c: a if s32(c) >= 0 else b),
        ("set.lt.u32.s32 {D}, {A}, {B};", "www", lambda a, b: -int(s32(a) < s32(b))),
        ("setp.lt.and.s32 %p|%q, {A}, {B}, 1; selp.u32 {D}, 1, 0, %q;", "www", lambda a, b: int(not s32(a) < s32(b))),
        ("cvt.s64.s32 {D}, {A};", "qw", s32),
        ("cvt.u64.u32 {D}, {A};", "qw", lambda a: a),
        ("cvt.u32.u64 {D}, {A};", "wq", lambda a: a),
        ("cvt.s32.s8 {D}, {A};", "ww", lambda a: signed(a, 8)),
        ("cvt.u16.u32 {D}, {A};", "hw", lambda a: a),
        ("cvt.sat.s8.s32 {D}, {A};", "ww", lambda a: max(min(s32(a), 127), -128)),
        ("cvt.sat.u16.s32 {D}, {A};", "hw", lambda a: max(min(s32(a), 65535), 0)),
        (
            "cvt.pack.sat.s8.s32.b32 {D}, {A}, {B}, {C};",
            "wwww",
            lambda a, b, c: (
                (c & 0xFFFF) << 16 | (max(min(s32(a), 127), -128) & 255) << 8 | max(min(s32(b), 127), -128) & 255
            ),
        ),
        ("mov.b64 {D}, {{{A}, {B}}};", "qww", both),
        ("{{ .reg .b32 lo, hi; mov.b64 {{lo, hi}}, {A}; mov.b32 {D}, hi; }}", "wq", lambda a: a >> 32),
        ("not.b32 {D}, {A}; add.u32 {D}, {D}, -1;", "ww", lambda a: ~a - 1),
    ]
    return cases


@pytest.mark.parametrize(
    ("instruction", "shape", "model"), integer_cases(), ids=lambda v: v if isinstance(v, str) else ""
)
def test_integer(machine: Machine, instruction: str, shape: str, model: Callable[..., int]) -> None:
    sources = [interesting(kind, i) for i, kind in enumerate(shape[1:])]
    result = np.zeros(LANES, DTYPE[shape[0]])
    module = machine.load(kernel(instruction, shape))
    got = machine.run(module, "k", 1, LANES, result, *sources)[0]
    mask = int(np.iinfo(result.dtype).max)
    want = [model(*(int(v) for v in values)) & mask for values in zip(*sources, strict=True)]
    assert got.tolist() == want


def flush(x: Array) -> Array:
    tiny = np.abs(x) < np.finfo(x.dtype).tiny
    return np.where(tiny, np.copysign(np.zeros_like(x), x), x)


def smaller(a: Array, b: Array) -> Array:
    return np.where(np.isnan(a), b, np.where(np.isnan(b), a, np.where((a < b) | ((a == b) & np.signbit(a)), a, b)))


def float_to_int(x: Array, low: int, high: int, whole: Callable[[Array], Array]) -> list[int]:
    return [
        0 if math.isnan(v) else int(min(max(w, low), high)) if abs(w) < 1e30 else (high if w > 0 else low)
        for v, w in zip(x.tolist(), whole(x.astype(np.float64)).tolist(), strict=True)
    ]


FLOATS: list[tuple[str, str, Callable[..., Any]]] = [
    ("add.f32 {D}, {A}, {B};", "fff", lambda a, b: a + b),
    ("sub.rn.f32 {D}, {A}, {B};", "fff", lambda a, b: a - b),
    ("mul.f32 {D}, {A}, {B};", "fff", lambda a, b: a * b),
    ("mul.ftz.f32 {D}, {A}, {B};", "fff", lambda a, b: flush(flush(a) * flush(b))),
    ("add.f32.ftz {D}, {A}, {B};", "fff", lambda a, b: flush(flush(a) + flush(b))),
    ("add.sat.f32 {D}, {A}, {B};", "fff", lambda a, b: np.nan_to_num(np.clip(a + b, 0, 1), nan=0.0) + np.float32(0)),
    ("div.rn.f32 {D}, {A}, {B};", "fff", lambda a, b: a / b),
    ("sqrt.rn.f32 {D}, {A};", "ff", np.sqrt),
    ("rcp.rn.f32 {D}, {A};", "ff", lambda a: np.float32(1) / a),
    ("neg.f32 {D}, {A};", "ff", lambda a: -a),
    ("abs.ftz.f32 {D}, {A};", "ff", lambda a: flush(np.abs(a))),
    ("min.f32 {D}, {A}, {B};", "fff", smaller),
    ("max.f32 {D}, {A}, {B};", "fff", lambda a, b: -smaller(-a, -b)),
    ("max.NaN.f32 {D}, {A}, {B};", "fff", lambda a, b: np.where(np.isnan(a) | np.isnan(b), np.nan, -smaller(-a, -b))),
    ("max.f32 {D}, {A}, {B}, 0f40000000;", "fff", lambda a, b: -smaller(smaller(-a, -b), np.full_like(a, -2))),
    (
        "min.abs.f32 {D}, {A}, {B}, 0fC0000000;",
        "fff",
        lambda a, b: smaller(smaller(abs(a), abs(b)), np.full_like(a, 2)),
    ),
    ("copysign.f32 {D}, {A}, {B};", "fff", lambda a, b: np.copysign(b, a)),
    ("add.f64 {D}, {A}, {B};", "ddd", lambda a, b: a + b),
    ("mul.rn.f64 {D}, {A}, {B};", "ddd", lambda a, b: a * b),
    ("div.rn.f64 {D}, {A}, {B};", "ddd", lambda a, b: a / b),
    ("sqrt.rn.f64 {D}, {A};", "dd", np.sqrt),
    ("min.f64 {D}, {A}, {B};", "ddd", smaller),
    ("cvt.rn.f32.f64 {D}, {A};", "fd", lambda a: a.astype(np.float32)),
    ("cvt.f64.f32 {D}, {A};", "df", lambda a: a.astype(np.float64)),
    ("cvt.rni.f32.f32 {D}, {A};", "ff", np.rint),
    ("cvt.rmi.f32.f32 {D}, {A};", "ff", np.floor),
    ("cvt.rpi.f64.f64 {D}, {A};", "dd", np.ceil),
    ("cvt.rzi.f32.f32 {D}, {A};", "ff", np.trunc),
    ("cvt.sat.f32.f32 {D}, {A};", "ff", lambda a: np.nan_to_num(np.clip(a, 0, 1), nan=0.0) + np.float32(0)),
    ("cvt.rn.f32.s32 {D}, {A};", "fw", lambda a: a.view(np.int32).astype(np.float32)),
    ("cvt.rn.f32.u32 {D}, {A};", "fw", lambda a: a.astype(np.float32)),
    ("cvt.rn.f32.u64 {D}, {A};", "fq", lambda a: a.astype(np.float32)),
    ("cvt.rn.f64.s64 {D}, {A};", "dq", lambda a: a.view(np.int64).astype(np.float64)),
    ("cvt.rn.f16.f32 {D}, {A};", "hf", lambda a: a.astype(np.float16)),
    ("cvt.f32.f16 {D}, {A};", "fh", lambda a: a.view(np.float16).astype(np.float32)),
    ("cvt.rn.f16.f64 {D}, {A};", "hd", lambda a: a.astype(np.float16)),
    ("cvt.f32.bf16 {D}, {A};", "fh", lambda a: (a.astype(np.uint32) << 16).view(np.float32)),
    ("add.f16 {D}, {A}, {B};", "hhh", lambda a, b: a.view(np.float16) + b.view(np.float16)),
    ("mul.f16 {D}, {A}, {B};", "hhh", lambda a, b: a.view(np.float16) * b.view(np.float16)),
    ("neg.f16 {D}, {A};", "hh", lambda a: -a.view(np.float16)),
    ("add.f16x2 {D}, {A}, {B};", "www", lambda a, b: a.view(np.float16) + b.view(np.float16)),
    ("min.f16x2 {D}, {A}, {B};", "www", lambda a, b: smaller(a.view(np.float16), b.view(np.float16))),
    ("ex2.approx.f32 {D}, {A};", "~ff", np.exp2),
    ("lg2.approx.f32 {D}, {A};", "~ff", np.log2),
    ("rsqrt.approx.f32 {D}, {A};", "~ff", lambda a: 1 / np.sqrt(a)),
    ("tanh.approx.f32 {D}, {A};", "~ff", np.tanh),
]


def equal_floats(got: Array, want: Array, tolerance: float = 0) -> None:
    """Bits are equal, except that any NaN equals any other."""
    both_nan = np.isnan(got) & np.isnan(want)
    if tolerance:
        np.testing.assert_allclose(got[~both_nan], want[~both_nan], rtol=tolerance)
        return
    bits = np.dtype(f"u{got.dtype.itemsize}")
    wrong = (got.view(bits) != want.astype(got.dtype).view(bits)) & ~both_nan
    assert not wrong.any(), list(zip(got[wrong].tolist(), want[wrong].tolist(), strict=True))[:5]


@pytest.mark.parametrize(("instruction", "shape", "model"), FLOATS, ids=lambda v: v if isinstance(v, str) else "")
def test_float(machine: Machine, instruction: str, shape: str, model: Callable[..., Array]) -> None:
    tolerance = 1e-6 if shape[0] == "~" else 0
    shape = shape.lstrip("~")
    sources = [interesting(kind, i) for i, kind in enumerate(shape[1:])]
    result = np.zeros(LANES, DTYPE[shape[0]])
    module = machine.load(kernel(instruction, shape))
    got = machine.run(module, "k", 1, LANES, result, *sources)[0]
    with np.errstate(all="ignore"):
        want = np.asarray(model(*sources))
    equal_floats(got.view(want.dtype), want, tolerance)


@pytest.mark.parametrize("mode", ["rn", "rz", "rm", "rp"])
@pytest.mark.parametrize("op", ["add", "mul", "fma"])
def test_directed_rounding_of_f32_is_that_of_the_exact_result(machine: Machine, mode: str, op: str) -> None:
    from fractions import Fraction

    random = np.random.default_rng(5)
    a, b, c = (random.normal(0, 1, LANES).astype(np.float32) for _ in range(3))
    operands = "{A}, {B}, {C}" if op == "fma" else "{A}, {B}"
    module = machine.load(kernel(f"{op}.{mode}.f32 {{D}}, {operands};", "ffff"))
    got = machine.run(module, "k", 1, LANES, np.zeros(LANES, np.float32), a, b, c)[0]
    for g, x, y, z in zip(got, a, b, c, strict=True):
        fx, fy, fz = Fraction(float(x)), Fraction(float(y)), Fraction(float(z))
        exact = fx + fy if op == "add" else fx * fy if op == "mul" else fx * fy + fz
        below, above = np.nextafter(g, np.float32(-np.inf)), np.nextafter(g, np.float32(np.inf))
        value = Fraction(float(g))
        if mode == "rm" or (mode == "rz" and exact > 0):
            assert value <= exact < Fraction(float(above))
        elif mode == "rp" or mode == "rz":
            assert Fraction(float(below)) < exact <= value
        else:
            assert abs(value - exact) <= min(abs(Fraction(float(below)) - exact), abs(Fraction(float(above)) - exact))


@pytest.mark.parametrize(
    ("form", "low", "high", "whole"),
    [
        ("rzi.s32", -(2**31), 2**31 - 1, np.trunc),
        ("rni.s32", -(2**31), 2**31 - 1, np.rint),
        ("rmi.s32", -(2**31), 2**31 - 1, np.floor),
        ("rzi.u32", 0, 2**32 - 1, np.trunc),
        ("rni.sat.s8", -128, 127, np.rint),
    ],
)
def test_float_to_integer_saturates_and_nan_is_zero(
    machine: Machine, form: str, low: int, high: int, whole: Callable[[Array], Array]
) -> None:
    a = interesting("f", 0)
    module = machine.load(kernel(f"cvt.{form}.f32 {{D}}, {{A}};", "wf"))
    got = machine.run(module, "k", 1, LANES, np.zeros(LANES, np.uint32), a)[0]
    assert got.tolist() == [v & 0xFFFFFFFF for v in float_to_int(a, low, high, whole)]


def test_nan_becomes_the_least_value_where_the_source_is_double_or_the_result_has_64_bits(machine: Machine) -> None:
    nan = np.full(LANES, np.nan)
    double = machine.load(kernel("cvt.rzi.s32.f64 {D}, {A};", "wd"))
    assert machine.run(double, "k", 1, LANES, np.zeros(LANES, np.uint32), nan)[0][0] == 0x80000000
    wide = machine.load(kernel("cvt.rzi.s64.f32 {D}, {A};", "qf"))
    got = machine.run(wide, "k", 1, LANES, np.zeros(LANES, np.uint64), nan.astype(np.float32))[0]
    assert got[0] == 1 << 63


@pytest.mark.parametrize(
    ("relation", "ordered", "want"),
    [
        ("eq", True, lambda a, b: a == b),
        ("ne", True, lambda a, b: a != b),
        ("lt", True, lambda a, b: a < b),
        ("geu", False, lambda a, b: a >= b),
        ("equ", False, lambda a, b: a == b),
        ("neu", False, lambda a, b: a != b),
        ("num", True, lambda a, b: True),
        ("nan", False, lambda a, b: False),
    ],
)
def test_float_compare(machine: Machine, relation: str, ordered: bool, want: Callable[[float, float], bool]) -> None:
    a, b = interesting("f", 0), interesting("f", 1)
    b[:20] = a[:20]
    module = machine.load(kernel(f"setp.{relation}.f32 %p, {{A}}, {{B}}; selp.u32 {{D}}, 1, 0, %p;", "wff"))
    got = machine.run(module, "k", 1, LANES, np.zeros(LANES, np.uint32), a, b)[0]
    for g, x, y in zip(got.tolist(), a.tolist(), b.tolist(), strict=True):
        assert g == (int(not ordered) if math.isnan(x) or math.isnan(y) else int(want(x, y)))


def small_float(bits: int, mantissa: int, bias: int, infinities: bool) -> float:
    """The value of an 8-bit float without its sign."""
    exponent, fraction = bits >> mantissa, bits & ((1 << mantissa) - 1)
    top = (1 << (7 - mantissa)) - 1
    if infinities and exponent == top:
        return math.nan if fraction else math.inf
    if not infinities and bits == 0x7F:
        return math.nan
    if exponent == 0:
        return fraction * 2.0 ** (1 - bias - mantissa)
    return (1 + fraction / (1 << mantissa)) * 2.0 ** (exponent - bias)


@pytest.mark.parametrize(("name", "mantissa", "bias", "infinities"), [("e4m3", 3, 7, False), ("e5m2", 2, 15, True)])
def test_every_8_bit_float_survives_the_way_through_f16(
    machine: Machine, name: str, mantissa: int, bias: int, infinities: bool
) -> None:
    codes = np.arange(LANES, dtype=np.uint16)
    module = machine.load(kernel(f"cvt.rn.f16x2.{name}x2 {{D}}, {{A}};", "wh"))
    got = machine.run(module, "k", 1, LANES, np.zeros(LANES, np.uint32), codes)[0]
    values = (got & 0xFFFF).astype(np.uint16).view(np.float16).astype(np.float64)
    want = np.array(
        [math.copysign(small_float(c & 127, mantissa, bias, infinities), -1 if c & 128 else 1) for c in range(256)]
    )
    equal_floats(values, want)
    back = machine.load(kernel(f"cvt.rn.satfinite.{name}x2.f16x2 {{D}}, {{A}};", "hw"))
    again = machine.run(back, "k", 1, LANES, np.zeros(LANES, np.uint16), got)[0] & 255
    finite = np.isfinite(values)
    assert again[finite].tolist() == codes[finite].tolist()


@pytest.mark.parametrize(("form", "drop"), [("rn.bf16", 16), ("rn.tf32", 13)])
def test_rounding_to_fewer_bits_is_to_the_nearest_even(machine: Machine, form: str, drop: int) -> None:
    a = np.concatenate(
        [
            np.random.default_rng(1).normal(size=LANES - 4).astype(np.float32),
            np.array([0x3F808000, 0x3F818000, 0x3F801000, 0x3F803000], np.uint32).view(np.float32),
        ]
    )
    shape = "hf" if drop == 16 else "wf"
    module = machine.load(kernel(f"cvt.{form}.f32 {{D}}, {{A}};", shape))
    got = machine.run(module, "k", 1, LANES, np.zeros(LANES, DTYPE[shape[0]]), a)[0]
    for g, bits in zip(got.tolist(), a.view(np.uint32).tolist(), strict=True):
        kept, rest, half = bits >> drop, bits & ((1 << drop) - 1), 1 << (drop - 1)
        kept += rest > half or (rest == half and kept & 1)
        assert g == (kept if drop == 16 else kept << drop)


@pytest.mark.parametrize(("form", "fault"), [("fma.rn.f16", np.float16), ("fma.rn.bf16", None)])
def test_half_fma_rounds_once(machine: Machine, form: str, fault: Any) -> None:
    random = np.random.default_rng(3)
    a, b, c = (random.normal(size=LANES).astype(np.float32) for _ in range(3))
    if fault:
        bits = [x.astype(np.float16).view(np.uint16) for x in (a, b, c)]
        exact = [x.view(np.float16).astype(np.float64) for x in bits]
        want = (exact[0] * exact[1] + exact[2]).astype(np.float16).view(np.uint16)
    else:
        bits = [(x.view(np.uint32) >> 16).astype(np.uint16) for x in (a, b, c)]
        exact = [(x.astype(np.uint32) << 16).view(np.float32).astype(np.float64) for x in bits]
        value = exact[0] * exact[1] + exact[2]
        wide = value.view(np.uint64)
        kept, rest = wide >> np.uint64(45), wide & np.uint64((1 << 45) - 1)
        kept += ((rest > 1 << 44) | ((rest == 1 << 44) & (kept & np.uint64(1) == 1))).astype(np.uint64)
        want = ((kept << np.uint64(45)).view(np.float64).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    module = machine.load(kernel(f"{form} {{D}}, {{A}}, {{B}}, {{C}};", "hhhh"))
    got = machine.run(module, "k", 1, LANES, np.zeros(LANES, np.uint16), *bits)[0]
    assert got.tolist() == want.tolist()
