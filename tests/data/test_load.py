"""Every format read as its users write it, and every fault named in one line."""

import gzip
import re

import numpy as np
import pytest

from gpubp import data
from gpubp.errors import DataError, MissingPackageError

X = np.arange(12.0).reshape(4, 3)
Y = np.array([3, 5, 3, 5])


def idx_bytes(array, code=0x08):
    dtype = {0x08: ">u1", 0x0C: ">i4", 0x0D: ">f4"}[code]
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(dtype).tobytes()


IMAGES = np.arange(4 * 2 * 3).reshape(4, 2, 3) % 256


def test_digits():
    train, test = data.load("digits")
    assert test is None
    assert (train.x.shape, len(train.classes), train.source) == ((1797, 8, 8), 10, "digits")


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    with pytest.raises(MissingPackageError, match="pip install scikit-learn"):
        data.load("digits")


def test_npz(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y.astype(np.uint8), other=["text"])
    train, test = data.load(tmp_path / "a.npz")
    assert test is None
    np.testing.assert_array_equal(train.x, X)
    np.testing.assert_array_equal(train.y, Y)
    assert train.y.dtype == np.int64


def test_npz_with_test_part_compressed(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X[:2], y_test=Y[:2])
    train, test = data.load(tmp_path / "a.npz")
    assert (len(train), len(test)) == (4, 2)


def test_npz_without_labels(tmp_path):
    np.savez(tmp_path / "a.npz", x=X)
    train, _ = data.load(tmp_path / "a.npz")
    assert train.y is None
    with pytest.raises(DataError, match=r"a\.npz: no labels for array 'x'; .* in array 'y'"):
        _ = train.labels


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": X}, "no array 'x' or 'x_train' (it has 'images'); name the arrays x and y, or"),
        ({"x": X, "y": Y[:3]}, "array 'y' has 3 labels for the 4 examples of array 'x'"),
        ({"x": X[:, 0], "y": Y}, "array 'x' has shape (4,); examples must have shape (examples,"),
        ({"x": X[:0], "y": Y[:0]}, "array 'x' is empty: its shape is (0, 3)"),
        ({"x": X[:, :0], "y": Y}, "array 'x' is empty: its shape is (4, 0)"),
        ({"x": X.astype(complex), "y": Y}, "array 'x' has dtype complex128; examples must be real"),
        ({"x": X.astype(str), "y": Y}, "array 'x' has dtype <U32; examples must be real numbers"),
        ({"x": X.astype(object), "y": Y}, "array 'x' holds Python objects; save an array of numb"),
        (
            {"x": np.where(X == 7, np.nan, X), "y": Y},
            "array 'x'[2, 1] is nan: 1 of 12 values are not finite",
        ),
        (
            {"x": np.where(X > 9, -np.inf, X), "y": Y},
            "array 'x'[3, 1] is -inf: 2 of 12 values are not finite",
        ),
        ({"x": X, "y": Y / 2}, "array 'y' has dtype float64; labels must be integers"),
        ({"x": X, "y": np.eye(4)}, "array 'y' has shape (4, 4); labels must have shape (examples,)"
         "; take the argmax over the classes"),
        ({"x": X, "y": Y[:, None]}, "array 'y' has shape (4, 1); labels must have shape (examples"),
        ({"x": X, "y": Y.astype(np.uint64) + np.uint64(2**63)}, "array 'y' holds 922337203685477"),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y[:1]}, "array 'y_test' has 1 labels"),
    ],
)  # fmt: skip
def test_npz_faults(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}/a.npz: {message}")) as caught:
        data.load(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)


def test_npz_damaged(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"not a zip archive")
    with pytest.raises(DataError, match=r"a\.npz: not an NPZ file"):
        data.load(path)
    np.savez(path, x=X, y=Y)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"a\.npz: not an NPZ file"):
        data.load(path)
    np.savez(path, x=X, y=Y)
    content = bytearray(path.read_bytes())
    content[150] ^= 0xFF  # within the numbers of x: the archive's checksum no longer fits
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz: array 'x' is damaged"):
        data.load(path)
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(DataError, match=r"a\.npz: holds a single array"):
        data.load(path)


@pytest.mark.parametrize(
    ("text", "label_column", "x", "y"),
    [
        ("1,2,0\n3,4,1\n", "auto", [[1, 2], [3, 4]], [0, 1]),
        ("a,b,c\n1,2,0\n3,4,1\n", "auto", [[1, 2], [3, 4]], [0, 1]),
        ("label,a,b\n0,1,2\n1,3,4\n", "auto", [[1, 2], [3, 4]], [0, 1]),
        ("a,b,c\n1,0,2\n3,1,4\n", "b", [[1, 2], [3, 4]], [0, 1]),
        ("0,1,2\n1,3,4\n", "0", [[1, 2], [3, 4]], [0, 1]),
        ("0,1,2\n1,3,4\n", "-3", [[1, 2], [3, 4]], [0, 1]),
        ('\ufeff"a", "b","target"\r\n1,2.5e0,7.0\r\n\r\n3,-4,-1\r\n', "auto",
         [[1, 2.5], [3, -4]], [7, -1]),
        ("1,2,0", "auto", [[1, 2]], [0]),
    ],
)  # fmt: skip
def test_csv(tmp_path, text, label_column, x, y):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8", newline="")
    examples, _ = data.load(tmp_path / "a.csv", label_column)
    np.testing.assert_array_equal(examples.x, x)
    np.testing.assert_array_equal(examples.y, y)


def test_csv_without_labels(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3,4\n")
    examples, _ = data.load(tmp_path / "a.csv", features=2)
    np.testing.assert_array_equal(examples.x, [[1, 2], [3, 4]])
    assert examples.y is None


@pytest.mark.parametrize(
    ("text", "label_column", "message"),
    [
        ("", "auto", "empty file"),
        ("\n\n", "auto", "empty file"),
        ("a,b\n", "auto", "no examples below the header"),
        (
            "a,b\n1,x\n",
            "auto",
            "line 2, column 'b': expected a finite number, got 'x'; write "
            "classes and categories as whole numbers",
        ),
        (
            "a;b\n1;2\n",
            "auto",
            "line 2, column 'a;b': expected a finite number, got '1;2'; "
            "separate the columns by commas",
        ),
        ("1,2\n3,\n", "auto", "line 2, column 1: expected a finite number, got ''"),
        ("1,x\n3,4\n", "auto", "line 1, column 1: expected a finite number, got 'x'"),
        ("a,b\n\n1,2\nnan,4\n", "auto", "line 4, column 'a': expected a finite number, got 'nan'"),
        ("1,2\n3,inf\n", "auto", "line 2, column 1: expected a finite number, got 'inf'"),
        ("1,2\n3,4,5\n", "auto", "line 2 has 3 values, not 2 as above it"),
        ("a,b,c\n3,4\n", "auto", "line 2 has 2 values, not 3 as above it"),
        ("1,2\n3,4.5\n", "auto", "column 1 holds 4.5; labels must be whole numbers, one per class"),
        ("1,2\n3,1e300\n", "auto", "column 1 holds 1e+300; labels must be below 2**53"),
        ("a,b\n3,4\n", "c", "no label column 'c' (it has a, b)"),
        ("3,4\n", "c", "no label column 'c' (no header)"),
        ("3,4\n", "2", "no label column '2' (it has 2, counted from 0)"),
        ("y,class\n3,4\n", "auto", "column 'y' and column 'class' may both be the label; name it"),
        ("1\n2\n", "auto", "has a single column; write features and label on one line"),
        ("1;2\n3;4\n", "auto", "line 2"),
    ],
)
def test_csv_faults(tmp_path, text, label_column, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}/a.csv: {message}")) as caught:
        data.load(tmp_path / "a.csv", label_column)
    assert "\n" not in str(caught.value)


def test_csv_in_another_encoding(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"gr\xf6sse,label\n1,2\n")
    with pytest.raises(DataError, match=r"a\.csv: not a text file in UTF-8"):
        data.load(tmp_path / "a.csv")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_folder(tmp_path, suffix):
    def write(name, array):
        content = idx_bytes(array)
        (tmp_path / (name + suffix)).write_bytes(
            gzip.compress(content, mtime=0) if suffix else content
        )

    write("train-images-idx3-ubyte", IMAGES)
    write("train-labels-idx1-ubyte", Y)
    train, test = data.load(tmp_path)
    assert test is None
    np.testing.assert_array_equal(train.x, IMAGES)
    np.testing.assert_array_equal(train.y, Y)
    write("t10k-images-idx3-ubyte", IMAGES[:2])
    write("t10k-labels-idx1-ubyte", Y[:2])
    train, test = data.load(tmp_path)
    assert (len(train), len(test)) == (4, 2)
    (tmp_path / ("train-images-idx3-ubyte" + suffix)).unlink()
    assert len(data.load(tmp_path)[0]) == 2


def test_idx_without_labels_and_with_other_types(tmp_path):
    values = np.array([[[1.5, -2.0]], [[0.0, 3.25]]])
    (tmp_path / "test-images.idx3-float").write_bytes(idx_bytes(values, 0x0D))
    examples, _ = data.load(tmp_path)
    np.testing.assert_array_equal(examples.x, values)
    assert examples.y is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("other", b"", "no train-images-idx3-ubyte(.gz) or t10k-images-idx3-ubyte(.gz)"),
        ("train-images-idx3-ubyte", b"GIF89a", "not an IDX file (it starts with 47 49 46 38)"),
        ("train-images-idx3-ubyte", b"", "not an IDX file (it starts with nothing)"),
        ("train-images-idx3-ubyte", b"\0\0\x08\x03\0\0", "cut short within its header of 16 bytes"),
        ("train-images-idx3-ubyte", idx_bytes(IMAGES)[:-1], "has 23 bytes of data where its header"
         ", shape (4, 2, 3), promises 24"),
        ("train-images-idx3-ubyte.gz", gzip.compress(idx_bytes(IMAGES), mtime=0)[:-9],
         "damaged gzip file"),
        ("train-images-idx3-ubyte.gz", b"plain", "damaged gzip file"),
        ("train-labels-idx1-ubyte", idx_bytes(Y), "no train-images-idx3-ubyte"),
    ],
)  # fmt: skip
def test_idx_faults(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        data.load(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_idx_two_data_sets_in_one_folder(tmp_path):
    for name in ("letters-train-images-idx3-ubyte", "digits-train-images-idx3-ubyte"):
        (tmp_path / name).write_bytes(idx_bytes(IMAGES))
    with pytest.raises(DataError, match="are both train images; keep one data set to a folder"):
        data.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.npz", "missing.npz: no such file or folder"),
        ("a.txt", "a.txt: unknown format '.txt'; give an .npz file, a .csv file or a folder"),
    ],
)
def test_what_is_no_data(tmp_path, name, message):
    (tmp_path / "a.txt").write_text("1,2")
    with pytest.raises(DataError, match=re.escape(message)):
        data.load(tmp_path / name)
