"""Whatever happens to a file's bytes, it loads or it is refused in one line."""

import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpubp import data
from gpubp.errors import DataError

X, Y = np.arange(24.0).reshape(6, 4), np.arange(6) % 2


def npz(save):
    content = io.BytesIO()
    save(content, x=X, y=Y)
    return content.getvalue()


IDX = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, *range(24)])
FILES = {
    "plain.npz": npz(np.savez),
    "compressed.npz": npz(np.savez_compressed),
    "table.csv": b"a,b,label\n" + b"".join(b"%d,%d.5,%d\n" % (i, i, i % 2) for i in range(8)),
    "train-images-idx3-ubyte": IDX,
    "train-images-idx3-ubyte.gz": gzip.compress(IDX),
}


@pytest.mark.parametrize("name", FILES)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans())
def test_a_changed_byte_or_a_cut(tmp_path_factory, name, place, byte, cut):
    content = bytearray(FILES[name])
    index = int(place * len(content))
    if cut:
        del content[index:]
    else:
        content[index] = byte
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(content)
    refusal = str(path)
    try:
        data.load(path.parent if "idx" in name else path)
    except DataError as error:
        refusal = str(error)
    assert str(path.parent) in refusal
    assert "\n" not in refusal
