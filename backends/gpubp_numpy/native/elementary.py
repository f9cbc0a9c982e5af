"""Elementary functions without branches, for vectors in registers.

Coefficients are minimax (Remez, relative error of the function, rounded one after the other).
Largest errors in units in the last place; a dash stands for the C library's function. They are over
all float32 numbers for exp, expm1, log, log1p and tanh, over every 64th bit pattern or denser for
the others (pow: 10**5 pairs), and over a sample of float64 numbers:

========= ======= =======
function  float32 float64
========= ======= =======
exp         1.02    0.94
expm1       1.47    1.67
log         0.86    0.74
log1p       1.44    1.03
tanh        2.50    2.47
sin         1.56    1.37
cos         1.57    1.27
erf         1.29       -
erfc        5.06       -
log2        0.50       -
log10       0.50       -
pow         0.50       -
========= ======= =======

sin and cos of angles beyond 2**17 (float32) and 2**20 (float64) go to the C library.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gpubp_numpy.native.code import Code, Module, Unsupported, Value


@dataclass(frozen=True)
class _Format:
    """Constants of a floating-point format and of the polynomials that suffice for it."""

    integer: str
    mantissa: int  # bits of it that are stored
    bias: int  # of the exponent
    magic: float  # added and taken away again, it rounds to an integer, left in the low bits
    smallest_normal: float
    root_half: int  # the bits of sqrt(1/2)
    ln2: tuple[float, float]  # the first with zeros at its end, so that n * ln2[0] is exact
    exp_range: tuple[float, float]  # beyond which e^x is 0 and infinite
    exp: tuple[float, ...]  # e^r = 1 + r + r^2 P(r), |r| <= ln(2)/2
    half_pi: tuple[float, ...]  # pi / 2 in three parts
    largest_angle: float  # up to which these suffice
    sin: tuple[float, ...]  # sin r = r + r z P(z), z = r^2, |r| <= pi/4
    cos: tuple[float, ...]  # cos r = 1 - z/2 + z^2 P(z)


_FORMATS = {
    "float32": _Format(
        integer="int32",
        mantissa=23,
        bias=127,
        magic=1.5 * 2**23,
        smallest_normal=2.0**-126,
        root_half=0x3F3504F3,
        ln2=(0.693359375, -2.1219444e-4),
        exp_range=(-104.0, 89.0),
        exp=(
            0.4999999403953552,
            0.16666515171527863,
            0.041668083518743515,
            0.008369294926524162,
            0.0013838611776009202,
        ),
        half_pi=(1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
        largest_angle=2.0**17,
        sin=(-0.16666655242443085, 0.00833218451589346, -0.00019517203327268362),
        cos=(0.04166664555668831, -0.00138873013202101, 2.443068296997808e-05),
    ),
    "float64": _Format(
        integer="int64",
        mantissa=52,
        bias=1023,
        magic=1.5 * 2**52,
        smallest_normal=2.0**-1022,
        root_half=0x3FE6A09E667F3BCD,
        ln2=(6.93147180369123816490e-01, 1.90821492927058770002e-10),
        exp_range=(-746.0, 710.0),
        exp=(
            0.5000000000000011,
            0.16666666666666421,
            0.041666666666525555,
            0.008333333333485684,
            0.0013888888944969646,
            0.0001984126953206979,
            2.480149157402805e-05,
            2.755755120950655e-06,
            2.763085097754819e-07,
            2.501690581532736e-08,
        ),
        half_pi=(1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33),
        largest_angle=2.0**20,
        sin=(
            -0.1666666666666663,
            0.008333333333321794,
            -0.00019841269829289987,
            2.7557313505766094e-06,
            -2.505072808270829e-08,
            1.589500951070568e-10,
        ),
        cos=(
            0.041666666666666595,
            -0.0013888888888873303,
            2.480158728894696e-05,
            -2.755731419176929e-07,
            2.0875700704805412e-09,
            -1.1358443767074283e-11,
        ),
    ),
}
# log(1+f) = f - f^2/2 + f^3 P(f) in float32, and with s = f/(2+f), z = s^2:
# 2 atanh(s) = 2 s + s z P(z) in float64.
_LOG32 = (
    0.3333333134651184,
    -0.250008225440979,
    0.20001260936260223,
    -0.16623324155807495,
    0.14200863242149353,
    -0.13159747421741486,
    0.12768679857254028,
    -0.07644947618246078,
)
_LOG64 = (
    0.6666666666666735,
    0.3999999999940939,
    0.28571428743627997,
    0.22222198440920962,
    0.18183571433896725,
    0.15313862869033196,
    0.14797885880797734,
)
# In float32 erf(x) = x + x P(x^2) up to 1, erfc(x) = t e^(-x^2) Q(t - 1/2) with t = 2 / (2 + x).
_ERF = (
    0.12837916612625122,
    -0.3761262595653534,
    0.11283578723669052,
    -0.026853347197175026,
    0.005187162198126316,
    -0.0007997852517291903,
    7.806897338014096e-05,
)
_ERFC = (
    0.5107913613319397,
    0.6871609687805176,
    0.5589419007301331,
    0.1457405835390091,
    -0.1719754934310913,
    -0.10293470323085785,
    0.09674692898988724,
    0.04670637845993042,
    -0.06516780704259872,
    0.009405101649463177,
)


def _format(x: Value) -> _Format:
    if x.dtype not in _FORMATS:
        raise Unsupported(f"an elementary function of {x.dtype}")
    return _FORMATS[x.dtype]


def _absolute(x: Value) -> Value:
    return x.code.intrinsic("fabs", x)


def _with_sign(size: Value, sign: Value) -> Value:
    return size.code.intrinsic("copysign", size, sign)


def _reduced(x: Value) -> tuple[Value, Value, Value]:
    """n = x / ln 2 rounded, as a number and in the low bits of another, and r = x - n ln 2."""
    f, code = _format(x), x.code
    shifted = code.fma(x, 1 / math.log(2), f.magic)
    n = shifted - f.magic
    r = code.fma(n, -f.ln2[0], x)
    return n, code.bitcast(shifted, f.integer), code.fma(n, -f.ln2[1], r)


def _power_of_two(k: Value, dtype: str) -> Value:
    """2^k for a normal result; only the low bits of ``k`` count."""
    f = _FORMATS[dtype]
    return k.code.bitcast((k << f.mantissa) + (f.bias << f.mantissa), dtype)


def _scaled(p: Value, n: Value, bits: Value) -> Value:
    """p 2^n, rounded once even where that is denormal."""
    f, code = _format(p), p.code
    if code.module.has_scalef and 8 * p.bytes * p.lanes >= 512:
        name = f"llvm.x86.avx512.mask.scalef.{'ps' if f.mantissa == 23 else 'pd'}.512"
        return code.in_parts(512 // (8 * p.bytes), partial(_scalef, name), p, n)
    k = bits - code.bitcast(n.like(f.magic), f.integer)
    half = k >> 1
    return p * _power_of_two(half, p.dtype) * _power_of_two(k - half, p.dtype)


def _scalef(name: str, p: Value, n: Value) -> Value:
    """p 2^n for one vector of 512 bits."""
    code, mask = p.code, f"i{p.lanes}"
    code.declare(name, p.type, [p.type] * 3 + [mask, "i32"])
    operands = f"{p.type} {p.name}, {n.type} {n.name}, {p.type} zeroinitializer"
    return code.emit(p, f"call {p.type} @{name}({operands}, {mask} -1, i32 4)")


def _between(x: Value, low: float, high: float) -> Value:
    """x limited to [low, high]; NaN stays."""
    x = x.code.select(x < low, low, x)
    return x.code.select(x > high, high, x)


def exp(x: Value) -> Value:
    f, code = _format(x), x.code
    n, bits, r = _reduced(_between(x, *f.exp_range))
    p = code.fma(r * r, code.polynomial(r, f.exp), r) + 1.0
    return _scaled(p, n, bits)


def expm1(x: Value) -> Value:
    f, code = _format(x), x.code
    # Halves, so that 2^n is finite wherever the result is.
    _, bits, r = _reduced(_between(x, -40.0, f.exp_range[1]))
    q = code.fma(r * r, code.polynomial(r, f.exp), r)
    power = _power_of_two(bits - 1, x.dtype)
    y = 2.0 * code.fma(power, q, power - 0.5)
    return _with_sign(y, x)


def tanh(x: Value) -> Value:
    f, code = _format(x), x.code
    size = _absolute(x)
    # e^(-2|x|) - 1 is t: tanh |x| = -t / (2 + t).
    top = 10.0 if x.dtype == "float32" else 20.0
    _, bits, r = _reduced(-2.0 * code.select(size > top, top, size))
    q = code.fma(r * r, code.polynomial(r, f.exp), r)
    power = _power_of_two(bits, x.dtype)
    t = code.fma(power, q, power - 1.0)
    return _with_sign(t / (t + 2.0), x)


def _split(x: Value) -> tuple[Value, Value]:
    """e and m with x = 2^e m and sqrt(1/2) <= m < sqrt(2), for positive finite x."""
    f, code = _format(x), x.code
    lift = f.mantissa + 1
    denormal = x < f.smallest_normal
    bits = code.bitcast(code.select(denormal, x * 2.0**lift, x), f.integer)
    e = (bits - f.root_half) >> f.mantissa
    m = code.bitcast(bits - (e << f.mantissa), x.dtype)
    e = e - code.select(denormal, e.like(lift), 0)
    return code.cast(e, x.dtype), m


def _defined_log(x: Value, y: Value) -> Value:
    """The logarithm ``y`` of ``x``, with its values at 0, infinity, NaN and below 0."""
    code = x.code
    y = code.select(x.compare("eq", 0.0), -math.inf, y)
    y = code.select(x.compare("eq", math.inf), math.inf, y)
    return code.select((x < 0.0) | x.compare("uno", x), math.nan, y)


def log(x: Value) -> Value:
    f, code = _format(x), x.code
    e, m = _split(x)
    t = m - 1.0
    if x.dtype == "float32":
        y = code.fma(e, f.ln2[1], t * t * t * code.polynomial(t, _LOG32))
        y = code.fma(t * t, -0.5, y)
        y = code.fma(e, f.ln2[0], t + y)
    else:  # as in fdlibm's e_log.c
        s = t / (t + 2.0)
        z = s * s
        half = 0.5 * t * t
        y = s * code.fma(z, code.polynomial(z, _LOG64), half)
        y = code.fma(e, f.ln2[0], t - (half - code.fma(e, f.ln2[1], y)))
    return _defined_log(x, y)


def log1p(x: Value) -> Value:
    """By log(u) for u = 1 + x rounded, and what was rounded off over u."""
    code = x.code
    u = 1.0 + x
    lost = code.select(x < 1.0, x - (u - 1.0), 1.0 - (u - x))
    y = log(u) + lost / u
    infinite = x.compare("eq", math.inf) | x.compare("eq", -1.0)
    y = code.select(infinite, log(u), y)
    return code.select(u.compare("eq", 1.0), x, y)


def _quadrant(x: Value) -> tuple[Value, Value]:
    """q with its quadrant in the low bits, and r = x - q pi/2."""
    f, code = _format(x), x.code
    shifted = code.fma(x, 2 / math.pi, f.magic)
    n = shifted - f.magic
    r = x
    for part in f.half_pi:  # the first step is exact: both terms are multiples of its last bit
        r = code.fma(n, -part, r)
    return code.bitcast(shifted, f.integer), r


def _circular(x: Value, turn: int) -> Value:
    """sin(x + turn pi/2), for |x| below the largest angle."""
    f, code = _format(x), x.code
    q, r = _quadrant(x)
    q = q + turn
    z = r * r
    sine = code.fma(r * z, code.polynomial(z, f.sin), r)
    cosine = code.fma(z * z, code.polynomial(z, f.cos), code.fma(z, -0.5, 1.0))
    y = code.select((q & 1).compare("eq", 0), sine, cosine)
    return code.select((q & 2).compare("eq", 0), y, -y)


def sin(x: Value) -> Value:
    y = _unless_any(_absolute(x) >= _format(x).largest_angle, _circular(x, 0), "sin", x)
    return x.code.select(x.compare("eq", 0.0), x, y)


def cos(x: Value) -> Value:
    return _unless_any(_absolute(x) >= _format(x).largest_angle, _circular(x, 1), "cos", x)


def erf(x: Value) -> Value:
    """By a polynomial up to 1, from there by erfc; float64 by the C library."""
    if x.dtype == "float64":
        return lane_by_lane("erf", x)
    size = _absolute(x)
    far = _with_sign(1.0 - _erfc_right(size), x)
    return x.code.select(size < 1.0, _erf_near(x), far)


def erfc(x: Value) -> Value:
    """float64 by the C library."""
    if x.dtype == "float64":
        return lane_by_lane("erfc", x)
    size, code = _absolute(x), x.code
    right = _erfc_right(size)
    far = code.select(x < 0.0, 2.0 - right, right)
    return code.select(size < 0.5, 1.0 - _erf_near(x), far)


def _erf_near(x: Value) -> Value:
    """erf(x) for |x| <= 1."""
    return x.code.fma(x, x.code.polynomial(x * x, _ERF), x)


def _erfc_right(x: Value) -> Value:
    """erfc(x) = t e^(-x^2) Q(t) with t = 2 / (2 + x), for x >= 0; beyond 11 it is 0."""
    code = x.code
    x = code.select(x > 11.0, 11.0, x)
    t = 2.0 / (x + 2.0)
    square = code.exact(lambda: x * x)
    lost = code.fma(x, x, -square)  # what the square was rounded by would be many units of e^-x^2
    q = t * code.polynomial(t - 0.5, _ERFC)
    return exp(-square) * code.fma(-lost, q, q)


def pow(a: Value, b: Value) -> Value:
    """As C's pow has it; float32 by e^(b log |a|) in float64, float64 by the C library."""
    if a.dtype == "float64":
        return lane_by_lane("pow", a, b)
    code = a.code
    wide = [code.cast(v, "float64") for v in (a, b)]
    y = code.cast(exp(wide[1] * log(_absolute(wide[0]))), "float32")
    whole = code.intrinsic("trunc", b).compare("eq", b)
    half = 0.5 * b
    odd = whole & code.intrinsic("trunc", half).compare("ne", half)
    y = code.select(odd, _with_sign(y, a), y)
    undefined = (a < 0.0) & code.select(whole, whole.like(0), _absolute(a) < math.inf)
    y = code.select(undefined, math.nan, y)
    one = b.compare("eq", 0.0) | a.compare("eq", 1.0)
    one = one | (a.compare("eq", -1.0) & _absolute(b).compare("eq", math.inf))
    return code.select(one, 1.0, y)


def log2(x: Value) -> Value:
    """float32 by way of float64, float64 by the C library."""
    return _scaled_log("log2", 1 / math.log(2), x)


def log10(x: Value) -> Value:
    """float32 by way of float64, float64 by the C library."""
    return _scaled_log("log10", 1 / math.log(10), x)


def _scaled_log(name: str, scale: float, x: Value) -> Value:
    if x.dtype == "float64":
        return lane_by_lane(name, x)
    return x.code.cast(scale * log(x.code.cast(x, "float64")), "float32")


def _unless_any(condition: Value, fast: Value, name: str, x: Value) -> Value:
    """``fast``; the C library's function of all lanes if the condition holds in one."""
    code = x.code
    before, cold, after = code.block, code.fresh("cold"), code.fresh("after")
    code.line(f"br i1 {code.any(condition)}, label %{cold}, label %{after}, !prof !0")
    code.label(cold)
    slow = lane_by_lane(name, x)
    code.line(f"br label %{after}")
    code.label(after)
    return code.emit(fast, f"phi {x.type} [{fast.name}, %{before}], [{slow.name}, %{cold}]")


def lane_by_lane(name: str, *args: Value) -> Value:
    """The C library's function of float64 arguments, for each lane."""
    x = args[0]

    def body(code: Code, *inner: Value) -> Value:
        wide = [code.cast(a, "float64") for a in inner]
        code.declare(name, "double", ["double"] * len(wide))
        if not x.lanes:
            return code.cast(code.call(name, *wide), x.dtype)
        columns = zip(*(code.lanes_of(a) for a in wide), strict=True)
        return code.cast(code.from_lanes([code.call(name, *lane) for lane in columns]), x.dtype)

    return _out_of_line(f"each_{name}", body, args, "noinline")


def inlined(name: str, formula: Callable[..., Value], *args: Value) -> Value:
    """Call of a function of the module that holds the formula, which LLVM puts in its place.

    So the text of a formula is written once for all its uses.
    """
    return _out_of_line(name, lambda code, *inner: formula(*inner), args, "alwaysinline")


_texts: dict[str, Module] = {}


def _out_of_line(
    name: str, body: Callable[..., Value], args: tuple[Value, ...], attribute: str
) -> Value:
    code, x = args[0].code, args[0]
    full = f"gpubp_{name}_{x.dtype}_{x.lanes}"
    if full not in code.module.functions:
        key = f"{full} {code.module.has_scalef}"
        if key not in _texts:
            _texts[key] = _written(full, body, args, attribute)
        code.module.functions |= _texts[key].functions
        code.module.declarations |= _texts[key].declarations
    return code.call(full, *args)


def _written(
    full: str, body: Callable[..., Value], args: tuple[Value, ...], attribute: str
) -> Module:
    module = Module(args[0].code.module.has_scalef)
    code = Code(module)
    code.label("entry")
    inner = [Value(code, f"%x{i}", a.dtype, a.lanes) for i, a in enumerate(args)]
    result = body(code, *inner)
    code.line(f"ret {result.type} {result.name}")
    parameters = ", ".join(f"{a.type} {a.name}" for a in inner)
    module.functions[full] = "\n".join(
        [
            f"define internal {result.type} @{full}({parameters}) {attribute} #0 {{",
            *code.lines,
            "}",
        ]
    )
    return module
