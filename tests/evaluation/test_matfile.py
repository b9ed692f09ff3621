"""Matrices of `.mat` files: what SciPy wrote is read back, and no byte is trusted."""

import io
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.io import savemat

from esrgan.evaluation.matfile import read_matrices

LIMIT = 100_000


def written(variables: dict[str, Any], compressed: bool = False) -> bytes:
    file = io.BytesIO()
    savemat(file, variables, do_compression=compressed)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.fixture
def matrices(rng: np.random.Generator) -> dict[str, np.ndarray]:
    normal = rng.normal(size=(36, 36))
    return {
        "a": normal,
        "a_long_name": normal[:1].astype(np.float32),
        "row": np.arange(7, dtype=np.uint8)[None],
        "x": np.array([[3.5]]),
    }


@pytest.mark.parametrize("compressed", [False, True])
def test_what_scipy_wrote_is_read(matrices: dict[str, np.ndarray], compressed: bool) -> None:
    found = read_matrices(written(matrices, compressed), matrices, LIMIT)
    assert found.keys() == matrices.keys()
    for name, matrix in matrices.items():
        np.testing.assert_array_equal(found[name], matrix)
        assert found[name].dtype == matrix.dtype


def test_the_other_byte_order_is_read() -> None:
    def element(kind: int, content: bytes) -> bytes:
        return struct.pack(">II", kind, len(content)) + content + bytes(-len(content) % 8)

    parts = (
        element(6, struct.pack(">II", 6, 0)),
        element(5, struct.pack(">ii", 1, 2)),
        element(1, b"m"),
        element(3, struct.pack(">hh", 1, -2)),  # MATLAB stores small whole numbers short
    )
    data = bytes(124) + b"\x01\x00MI" + element(14, b"".join(parts))
    assert read_matrices(data, ["m"], LIMIT)["m"].tolist() == [[1, -2]]


def test_all_else_is_passed_over(matrices: dict[str, np.ndarray]) -> None:
    other = {
        "cell": np.array([1, "x"], dtype=object),
        "struct": {"field": 1.0},
        "text": "abc",
        "sparse": sparse.eye(3, format="csc"),
        "complex": np.array([[1j]]),
    }
    data = written({**other, **matrices})
    assert read_matrices(data, [*other, "a"], LIMIT).keys() == {"a"}


def test_damage_is_a_value_error(matrices: dict[str, np.ndarray]) -> None:
    for compressed in (False, True):
        data = written(matrices, compressed)
        for place in range(126, 600):
            for value in (0, 255):
                changed = bytearray(data)
                changed[place] = value
                try:
                    read_matrices(bytes(changed), matrices, LIMIT)
                except ValueError:
                    continue
        for length in (0, 100, 150, len(data) - 9):
            with pytest.raises(ValueError, match=r"\.mat file"):
                read_matrices(data[:length], matrices, LIMIT)


def test_what_unpacks_to_more_than_the_limit_is_not_unpacked() -> None:
    data = written({"a": np.zeros((3000, 3000))}, compressed=True)
    assert len(data) < LIMIT
    tracemalloc.start()
    with pytest.raises(ValueError, match="cut off"):
        read_matrices(data, ["a"], LIMIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * LIMIT
