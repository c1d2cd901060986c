"""`qcc import` replaces nothing that a user may have edited, unless told to."""

import pytest
from cli_runner import contents, qcc, saved_mlp


@pytest.fixture
def imported(capfd, tmp_path):
    """A model, and a text of it with its constants beside, both edited."""
    path = saved_mlp(tmp_path)
    assert qcc(capfd, "import", path, "-o", tmp_path / "net.qnn", "--inline", 0).status == 0
    for name in ("net.qnn", "net.npz"):
        with (tmp_path / name).open("ab") as file:
            file.write(b"# edited")
    return path


@pytest.mark.parametrize("removed", [None, "net.qnn", "net.npz"])
def test_edited_files_stay(capfd, imported, tmp_path, removed):
    if removed:
        (tmp_path / removed).unlink()
    before = contents(tmp_path)
    result = qcc(capfd, "import", imported, "-o", tmp_path / "net.qnn", "--inline", 0)
    assert result.status == 1
    assert contents(tmp_path) == before
    for name in {"net.qnn", "net.npz"} - {removed}:
        if name == "net.npz" and removed is None:
            continue  # the text is looked for before the model is read
        assert f"{name} exists already; nothing was written" in result.words
    assert "with --force" in result.words


def test_by_the_default_name(capfd, imported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = qcc(capfd, "import", imported)
    assert (result.status, "net.qnn exists already" in result.words) == (1, True)


def test_force(capfd, imported, tmp_path):
    target = tmp_path / "net.qnn"
    assert qcc(capfd, "import", imported, "-o", target, "--inline", 0, "--force").status == 0
    assert "edited" not in target.read_text()
    assert qcc(capfd, "check", target).status == 0


def test_constants_of_something_else_stay_if_the_text_needs_none(capfd, tmp_path):
    path = saved_mlp(tmp_path)
    (tmp_path / "net.npz").write_bytes(b"mine")
    assert qcc(capfd, "import", path, "-o", tmp_path / "net.qnn").status == 0
    assert (tmp_path / "net.npz").read_bytes() == b"mine"


def test_a_broken_link_stays(capfd, tmp_path):
    path = saved_mlp(tmp_path)
    (tmp_path / "net.qnn").symlink_to(tmp_path / "elsewhere")
    assert qcc(capfd, "import", path, "-o", tmp_path / "net.qnn").status == 1
    assert (tmp_path / "net.qnn").is_symlink()
