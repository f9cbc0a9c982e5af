"""All programs, theme by theme."""

from programs import (
    complex_valued,
    densities,
    geometry,
    iterations,
    networks,
    reductions,
    selections,
    sequences,
    writing,
)

THEMES = (
    reductions,
    networks,
    iterations,
    sequences,
    selections,
    writing,
    geometry,
    densities,
    complex_valued,
)
PROGRAMS = [program for theme in THEMES for program in theme.programs]
