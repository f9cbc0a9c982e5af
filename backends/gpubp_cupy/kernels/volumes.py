"""Windows as the CUDA sources know them: over volumes, to which axes of length one are added."""

from __future__ import annotations

import math
from typing import Any

_NAMES = ("size", "number", "kernel", "stride", "dilation", "padding")
# A kernel's parameters: `size0` to `padding2`. Element k of window p lies at
# stride * p + dilation * k - padding.
GEOMETRY = ", ".join(f"int32 {name}{axis}" for name in _NAMES for axis in "012")

# The place i of a result: the window (p0, p1, p2) of image `rest`, or the image's own (s0, s1, s2).
WINDOW = """
    long long rest = i;
    int p2 = rest % number2; rest /= number2;
    int p1 = rest % number1; rest /= number1;
    int p0 = rest % number0; rest /= number0;
"""
PLACE = """
    long long rest = i;
    int s2 = rest % size2; rest /= size2;
    int s1 = rest % size1; rest /= size1;
    int s0 = rest % size0; rest /= size0;
"""


def over_elements(body: str) -> str:
    """``body`` for each element of the window ``p``, at place ``s``; ``inside`` the image or not.

    ``at`` is the place's position in the array.
    """
    return f"""
    int h0 = p0 * stride0 - padding0, h1 = p1 * stride1 - padding1, h2 = p2 * stride2 - padding2;
    for (int k0 = 0, s0 = h0; k0 < kernel0; ++k0, s0 += dilation0)
        for (int k1 = 0, s1 = h1; k1 < kernel1; ++k1, s1 += dilation1)
            for (int k2 = 0, s2 = h2; k2 < kernel2; ++k2, s2 += dilation2) {{
                bool inside = s0 >= 0 && s0 < size0 && s1 >= 0 && s1 < size1
                    && s2 >= 0 && s2 < size2;
                long long at = ((rest * size0 + s0) * size1 + s1) * size2 + s2;
                {body}
            }}
    """


def over_windows(body: str) -> str:
    """``body`` for each window ``p`` that has the place ``s`` as its element ``k``.

    ``at`` is the window's position in the array.
    """
    return f"""
    for (int k0 = 0; k0 < kernel0; ++k0) {{
        int h0 = s0 + padding0 - k0 * dilation0, p0 = h0 / stride0;
        if (h0 < 0 || p0 * stride0 != h0 || p0 >= number0) continue;
        for (int k1 = 0; k1 < kernel1; ++k1) {{
            int h1 = s1 + padding1 - k1 * dilation1, p1 = h1 / stride1;
            if (h1 < 0 || p1 * stride1 != h1 || p1 >= number1) continue;
            for (int k2 = 0; k2 < kernel2; ++k2) {{
                int h2 = s2 + padding2 - k2 * dilation2, p2 = h2 / stride2;
                if (h2 < 0 || p2 * stride2 != h2 || p2 >= number2) continue;
                long long at = ((rest * number0 + p0) * number1 + p1) * number2 + p2;
                {body}
            }}
        }}
    }}
    """


def geometry(windows: Any) -> tuple[int, ...]:
    """The values of ``GEOMETRY``."""
    missing = 3 - len(windows.size)
    before = tuple(before for before, _ in windows.padding)
    parts = (windows.size, windows.number, windows.kernel, windows.stride, windows.dilation)
    lifted = [(1,) * missing + part for part in parts]
    return sum((*lifted, (0,) * missing + before), ())


def elements(windows: Any) -> int:
    """How many elements a window has."""
    return math.prod(windows.kernel)


def count(windows: Any) -> int:
    """How many windows an image has."""
    return math.prod(windows.number)
