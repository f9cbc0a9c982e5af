"""Manipulation functions, in the standard's order."""

from gpubp.testing.cases.draw import fixed, reals, unbatched
from gpubp.testing.cases.row import case, row

ROWS = [
    row(
        "broadcast_arrays",
        case("two", lambda xp, x, y: xp.broadcast_arrays(x, y), reals(2, 1), reals(3)),
        case(
            "three", lambda xp, x, y, z: xp.broadcast_arrays(x, y, z), reals(), reals(2), reals(1)
        ),
        complex=True,
    ),
    row(
        "broadcast_to",
        case("new axis", lambda xp, x: xp.broadcast_to(x, (2, 3)), reals(3)),
        case("stretched", lambda xp, x: xp.broadcast_to(x, (2, 2, 3)), reals(2, 1, 3)),
        case("0-d", lambda xp, x: xp.broadcast_to(x, (2,)), reals()),
        case("to nothing", lambda xp, x: xp.broadcast_to(x, (0, 2)), reals(1, 2)),
        complex=True,
    ),
    row(
        "concat",
        case("axis 0", lambda xp, x, y: xp.concat((x, y)), reals(2, 2), reals(1, 2)),
        case(
            "negative axis",
            lambda xp, x, y: xp.concat([x, y, x], axis=-1),
            reals(2, 1),
            reals(2, 2),
        ),
        case("flattened", lambda xp, x, y: xp.concat([x, y], axis=None), reals(2, 2), reals(3)),
        case("one", lambda xp, x: xp.concat([x]), reals(2)),
        case("with nothing", lambda xp, x, y: xp.concat([x, y]), reals(2), reals(0)),
        complex=True,
    ),
    row(
        "expand_dims",
        case("axis", lambda xp, x: xp.expand_dims(x, axis=1), reals(2, 3)),
        case("negative axis", lambda xp, x: xp.expand_dims(x, axis=-1), reals(2)),
        case("0-d", lambda xp, x: xp.expand_dims(x, axis=0), reals()),
        complex=True,
    ),
    row(
        "flip",
        case("all", lambda xp, x: xp.flip(x), reals(2, 3)),
        case("axis", lambda xp, x: xp.flip(x, axis=-1), reals(2, 3)),
        case("axes", lambda xp, x: xp.flip(x, axis=(0, 2)), reals(2, 1, 2)),
        complex=True,
    ),
    row(
        "moveaxis",
        case("one", lambda xp, x: xp.moveaxis(x, 0, -1), reals(2, 3, 1)),
        case("several", lambda xp, x: xp.moveaxis(x, (0, 1), (2, 0)), reals(2, 3, 1)),
        complex=True,
    ),
    row(
        "permute_dims",
        case("cycle", lambda xp, x: xp.permute_dims(x, (1, 2, 0)), reals(2, 3, 1)),
        case("negative", lambda xp, x: xp.permute_dims(x, (-1, 0)), reals(2, 3)),
        case("0-d", lambda xp, x: xp.permute_dims(x, ()), reals()),
        complex=True,
    ),
    row(
        "repeat",
        case("vector", lambda xp, x: xp.repeat(x, 2), reals(3)),
        case("flattened", lambda xp, x: xp.repeat(x, 2), reals(2, 2)),
        case("axis", lambda xp, x: xp.repeat(x, 3, axis=1), reals(2, 2)),
        case("never", lambda xp, x: xp.repeat(x, 0, axis=0), reals(2, 2)),
        case(
            "each its own",
            lambda xp, x, n: xp.repeat(x, n, axis=0),
            reals(3, 2),
            unbatched(fixed([2, 0, 1])),
        ),
        complex=True,
    ),
    row(
        "reshape",
        case("shape", lambda xp, x: xp.reshape(x, (3, 2)), reals(2, 3)),
        case("inferred", lambda xp, x: xp.reshape(x, (-1,)), reals(2, 3)),
        case("to 0-d", lambda xp, x: xp.reshape(x, ()), reals(1, 1)),
        case("copied", lambda xp, x: xp.reshape(x, (2, 1), copy=True), reals(2)),
        case("empty", lambda xp, x: xp.reshape(x, (2, 0)), reals(0, 3)),
        complex=True,
    ),
    row(
        "roll",
        case("flattened", lambda xp, x: xp.roll(x, 1), reals(2, 3)),
        case("axis", lambda xp, x: xp.roll(x, -2, axis=-1), reals(2, 3)),
        case("axes", lambda xp, x: xp.roll(x, (1, 2), axis=(0, 1)), reals(2, 3)),
        complex=True,
    ),
    row(
        "squeeze",
        case("axis", lambda xp, x: xp.squeeze(x, axis=0), reals(1, 3)),
        case("negative axes", lambda xp, x: xp.squeeze(x, axis=(0, -1)), reals(1, 2, 1)),
        complex=True,
    ),
    row(
        "stack",
        case("axis 0", lambda xp, x, y: xp.stack((x, y)), reals(2), reals(2)),
        case(
            "negative axis", lambda xp, x, y: xp.stack([x, y, x], axis=-1), reals(2, 2), reals(2, 2)
        ),
        case("0-d", lambda xp, x, y: xp.stack([x, y]), reals(), reals()),
        complex=True,
    ),
    row(
        "tile",
        case("vector", lambda xp, x: xp.tile(x, (2,)), reals(3)),
        case("matrix", lambda xp, x: xp.tile(x, (2, 3)), reals(2, 1)),
        case("fewer repetitions", lambda xp, x: xp.tile(x, (2,)), reals(2, 2)),
        case("more repetitions", lambda xp, x: xp.tile(x, (2, 1, 2)), reals(2)),
        complex=True,
    ),
    row(
        "unstack",
        case("axis 0", lambda xp, x: xp.unstack(x), reals(2, 3)),
        case("negative axis", lambda xp, x: xp.unstack(x, axis=-1), reals(2, 2, 2)),
        case("one used", lambda xp, x: xp.unstack(x)[1], reals(3, 2)),
        complex=True,
    ),
]
