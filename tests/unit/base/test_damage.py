"""Intermediates that were cut or changed: each one is noticed, and its name and the way out are said."""

import fcntl

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base import files, literature, products, tables
from clusterphot.base.errors import DataError
from clusterphot.base.files import REPO, SHIPPED, content_digest, own_file, way_out
from clusterphot.psf import reference
from clusterphot.run import grids
from clusterphot.ssp import grid as ssp
from clusterphot.validation import compare

WAY_OUT = "\nHint: delete it and give the same command again: it is made anew."


def write_small_table(path):
    table = Table({"id": ["a", "#b", "c"], "ra": [1.0, 2.0, 3.0], "dec": [1.5, 2.5, 3.5]})
    tables.write_table(path, table, meta={"rule": "test", "parameters": {"a": 1}})


def write_small_psf(path):
    products.write_psf(path, products.Psf(np.full((21, 21), 1 / 441), 0.04, "F200W"))


def write_small_noise(path):
    products.write_noise(path, products.Noise(np.eye(31), 1.0, "F200W"))


def write_small_cutouts(path):
    one = np.ones(2)
    images = np.ones((2, 21, 21))
    products.write_cutouts(
        path, products.Cutouts(["a", "b"], images, images, one, one, one, one, [[], []], 0.04, "F200W")
    )


def write_small_mosaic(path):
    header = products.mosaic_header(WCS(naxis=2), 0.04, "F200W", "x")
    planes = [fits.ImageHDU(np.ones((64, 64), np.float32), header, name=name) for name in ("SCI", "IVAR")]
    products.write_fits(path, [fits.PrimaryHDU(), *planes])


def write_small_grid(path):
    ages, metallicity, wave = np.arange(1.0, 9.0), np.array([0.2, 1.0]), np.linspace(1e3, 1e4, 300)
    ones = np.ones((8, 2))
    ssp.write_grid(path, ssp.SspGrid(ages, metallicity, wave, np.ones((8, 2, 300)), ones))


KINDS = {
    "table": (write_small_table, tables.read_table),
    "psf": (write_small_psf, products.read_psf),
    "noise": (write_small_noise, products.read_noise),
    "cutouts": (write_small_cutouts, products.read_cutouts),
    "grid": (write_small_grid, ssp.read_grid),
}


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    """A file of ours, how it is read, and its whole content."""
    write, read = KINDS[request.param]
    path = tmp_path / "result"
    write(str(path))
    read(str(path))
    return path, read, path.read_bytes()


def contents(product):
    """All that a product holds, as text."""
    if isinstance(product, Table):
        return repr((product.as_array().tolist(), dict(product.meta)))
    values = vars(product).items()
    return repr({key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in values})


def is_refused(path, read):
    """Whether reading ends in one message with the name of the file and the way out."""
    try:
        read(str(path))
    except DataError as error:
        return str(error).startswith(f"{path}: got a damaged file") and str(error).endswith(WAY_OUT)
    return False


def test_cut_files(kind):
    """Wherever they end; of FITS the padding of the last block may be missing."""
    path, read, whole = kind
    for share in (0.0, 0.2, 0.5, 0.8, 0.97):
        path.write_bytes(whole[: int(share * len(whole))])
        assert is_refused(path, read), share


def test_changed_files(kind):
    """Ten bytes in a row are others: refused, unless nothing that is read depends on them, as on blanks of a header."""
    path, read, whole = kind
    rng = np.random.default_rng(1)
    before = contents(read(str(path)))
    for start in rng.integers(0, len(whole) - 10, 20):
        path.write_bytes(
            whole[:start] + bytes(b ^ 0x15 for b in whole[start : start + 10]) + whole[start + 10 :]
        )
        if not is_refused(path, read):
            assert contents(read(str(path))) == before, start


def test_a_table_cut_at_the_end_of_a_row(tmp_path):
    """Still a table, of fewer sources."""
    path = tmp_path / "t.ecsv"
    write_small_table(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1])
    assert is_refused(path, tables.read_table)


def test_one_digit_of_a_table(tmp_path):
    path = tmp_path / "t.ecsv"
    write_small_table(path)
    path.write_bytes(path.read_bytes().replace(b"2.5", b"2.6"))
    assert is_refused(path, tables.read_table)


def test_a_table_without_checksum_is_read(tmp_path):
    """Of an earlier version."""
    Table({"id": ["a"]}).write(tmp_path / "t.ecsv", format="ascii.ecsv")
    assert list(tables.read_table(str(tmp_path / "t.ecsv"))["id"]) == ["a"]


def test_the_checksum_is_not_in_the_metadata(tmp_path):
    write_small_table(tmp_path / "t.ecsv")
    assert tables.SEAL not in tables.read_table(str(tmp_path / "t.ecsv")).meta


def test_a_cut_mosaic(tmp_path):
    """Mosaics are not read as a whole, so they have no checksum, but their length is known."""
    path = tmp_path / "mosaic.fits"
    write_small_mosaic(str(path))
    whole = path.read_bytes()
    for share in (0.0, 0.2, 0.45, 0.7):
        path.write_bytes(whole[: int(share * len(whole))])
        assert is_refused(path, products.read_mosaic), share


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(
        DataError, match="gone: got no such file.*\nHint: delete it and give the same command again"
    ):
        tables.read_table(str(tmp_path / "gone"))


@pytest.mark.parametrize(
    "own", ["results/x/psf.fits", REPO / "results" / "x", REPO / "resources" / "fetched" / "x"]
)
def test_what_the_workflow_makes_is_made_anew(own):
    assert way_out(own) in WAY_OUT


def test_what_the_workflow_ships_comes_of_git(monkeypatch, tmp_path):
    """All of resources/, by any name, from any folder; the command works."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(SHIPPED)
    for name in ("ssp/bc03_miles_kroupa.h5", "psf/encircled_energy.csv", "literature/mass_size.ecsv"):
        command = f"git -C {REPO} checkout -- resources/{name}"
        for path in (SHIPPED / name, tmp_path / "link" / name):
            assert way_out(path) == f"it comes with the workflow: {command}"


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("psf/encircled_energy.csv", reference.read_encircled_energy),
        ("literature/mass_size.ecsv", literature.read_literature),
        ("faisst2022/published_values.yaml", compare.read_entries),
        ("ssp/bc03_miles_kroupa.h5", ssp.read_embedded_grid),
        ("ssp/bc03_miles_kroupa.h5", grids._axes_of_file),
    ],
)
def test_a_damaged_file_that_is_shipped(name, read, monkeypatch, tmp_path):
    """One message that tells how to get it back."""
    monkeypatch.setattr(files, "REPO", tmp_path)
    monkeypatch.setattr(files, "SHIPPED", tmp_path / "resources")
    path = tmp_path / "resources" / name
    path.parent.mkdir(parents=True)
    whole = (SHIPPED / name).read_bytes()
    path.write_bytes(whole)
    read(str(path))
    path.write_bytes(bytes(len(whole)))
    with pytest.raises(DataError, match="got a damaged file") as caught:
        read(str(path))
    assert str(caught.value).endswith(f"git -C {tmp_path} checkout -- resources/{name}")


def test_a_grid_is_read_where_nobody_gets_locks(tmp_path):
    """HDF5 locks what it opens, and a file system that refuses that (NFS without lockd) is no damage."""
    path = tmp_path / "grid.h5"
    write_small_grid(str(path))
    with open(path, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert ssp.read_grid(str(path)).spectra.shape == (8, 2, 300)


def test_a_message_stays_as_it_is():
    with pytest.raises(DataError, match="^a: got b, expected c.$"), own_file("x"):
        raise DataError("a", "b", "c")


def test_the_digest_of_a_large_file_sees_all_of_it(tmp_path):
    """One byte in each piece of a sixteenth; a file of the same content is the same at any time."""
    path, content = tmp_path / "f", np.random.default_rng(1).bytes(10_000_000)
    path.write_bytes(content)
    first = content_digest([path])
    assert content_digest([path]) == first
    for other in (
        content[:-1],
        content[:-1] + b"x",
        b"x" + content[1:],
        np.random.default_rng(2).bytes(10_000_000),
    ):
        path.write_bytes(other)
        assert content_digest([path]) != first
    assert content_digest([tmp_path / "gone"]) != content_digest([])


@pytest.mark.parametrize("content", ["", "# %ECSV 1.0", "other.ecsv"])
def test_a_table_of_one_line_is_not_taken_for_the_name_of_a_file(tmp_path, content):
    write_small_table(str(tmp_path / "other.ecsv"))
    path = tmp_path / "t.ecsv"
    path.write_text(content.replace("other", str(tmp_path / "other")))
    with pytest.raises(DataError, match=r"a damaged file \(it is empty or ends in its first line\)"):
        tables.read_table(str(path))
