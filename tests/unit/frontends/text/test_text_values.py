"""Numbers keep their value: rounded once, to the nearest; files beside the text only."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from language import network, problems

from qcompiler.arith.decimals import float_text
from qcompiler.frontends.text.files import load_array
from qcompiler.frontends.text.values import nearest_float32


@example(float(np.finfo(np.float32).max))
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_survives_its_text(value):
    text = float_text(value, single=True)
    read = nearest_float32(float(text) if text == "-0" else Fraction(text))
    assert read.tobytes() == np.float32(value).tobytes()


@given(st.fractions(min_value=-(10**9), max_value=10**9))
def test_no_other_float32_is_nearer(value):
    found = nearest_float32(value)
    for other in (
        np.nextafter(found, np.float32(np.inf)),
        np.nextafter(found, -np.float32(np.inf)),
    ):
        assert abs(Fraction(float(found)) - value) <= abs(Fraction(float(other)) - value)


@pytest.mark.parametrize("name", ["model (1).npy", "a+b-c_d.v2.npy", "größe/[x] 'y'.npy"])
def test_ordinary_file_names(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    np.save(tmp_path / name, np.arange(3))
    assert load_array(tmp_path, name, None).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "name",
    ["a/../b.npy", "./a.npy", "a//b.npy", "a\\b.npy", "C:b.npy", ".a.npy", "a\n.npy", "", "/a"],
)
def test_names_that_leave_the_folder_or_hide(name, tmp_path):
    with pytest.raises(ValueError, match="must be named relative to this one"):
        load_array(tmp_path, name, None)


def test_rounding_happens_once():
    halfway = Fraction(1) + Fraction(1, 2**24)
    assert nearest_float32(halfway) == np.float32(1)
    # float64 takes this for the tie, which then goes to the even neighbour below.
    assert nearest_float32(halfway + Fraction(1, 2**80)) == np.float32(1) + np.float32(2**-23)


@pytest.mark.parametrize(
    "array",
    [
        np.array(3),
        np.array(0.5, np.float64),
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.ones((2, 3), np.float16),
        np.array([True, False]),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    ],
)
def test_files_keep_shape_and_value(array, tmp_path):
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", k=array)
    for found in (load_array(tmp_path, "a.npy", None), load_array(tmp_path, "a.npz", "k")):
        assert found.shape == array.shape
        assert np.array_equal(found, array)
        assert found.dtype in (np.int64, np.float32, np.float64)


def test_files_are_confined(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    np.save(tmp_path / "secret.npy", np.ones(3))
    (inside / "link.npy").symlink_to(tmp_path / "secret.npy")
    (inside / "loop.npy").symlink_to(inside / "loop.npy")
    (inside / "folder.npy").mkdir()
    names = [
        "../secret.npy",
        str(tmp_path / "secret.npy"),
        "link.npy",
        "loop.npy",
        "folder.npy",
        "a/../../secret.npy",
        "",
        ".",
        "secret.txt",
        "~/secret.npy",
        "a\\b.npy",
        "a\nb.npy",
    ]
    for name in names:
        with pytest.raises(ValueError, match="file"):
            load_array(inside, name, None)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array(["a"]), "must hold numbers"),
        (np.array([1j]), "must hold numbers"),
        (np.array([np.nan]), "not finite"),
        (np.zeros((0, 2)), "1 to"),
        (np.array([2**63], np.uint64), "more than 63 bits"),
        (np.array([None]), "must hold numbers"),
    ],
)
def test_other_content_is_refused(array, reason, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=reason):
        load_array(tmp_path, "a.npy", None)


def test_damaged_files_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", k=np.arange(100))
    data = (tmp_path / "a.npz").read_bytes()
    huge = b"\x93NUMPY\x01\x00v\x00" + (
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }".ljust(117) + b"\n"
    )
    for bad in (b"", data[:60], b"\x93NUMPY\x01\x00\x10\x00" + b"x" * 16, huge):
        for name in ("b.npz", "b.npy"):
            (tmp_path / name).write_bytes(bad)
            with pytest.raises(ValueError, match=r"b\.np"):
                load_array(tmp_path, name, None)


def test_entries_are_named(tmp_path):
    np.savez(tmp_path / "a.npz", one=np.ones(2), two=np.ones(2))
    found = problems(network('y = load("a.npz")', 'z = load("a.npz", "three")'), tmp_path)
    assert [what for _, _, what, _ in found] == [
        "a.npz has several entries: one, two",
        "a.npz has no entry 'three', it has one, two",
    ]
