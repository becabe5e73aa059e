"""`make new`: pairs, filters, units and zero points of a folder, and what is marked for the user."""

import gzip

import new_field as command
import numpy as np
import pytest
import yaml
from astropy.io import fits
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.mosaics import naming
from clusterphot.run import starter
from image_field import tan_header, write_pair


def write_i2d(path, filt, pupil="CLEAR"):
    """A mosaic as MAST gives it: SCI in MJy/sr and ERR; pixels of 0.02 arcsec have 9.4e-15 sr."""
    header = tan_header((40, 50), (10.0, 20.0))
    header["BUNIT"], header["PIXAR_SR"] = "MJy/sr", (0.02 / 206264.806) ** 2
    primary = fits.PrimaryHDU()
    primary.header["FILTER"], primary.header["PUPIL"], primary.header["INSTRUME"] = filt, pupil, "NIRCAM"
    planes = [fits.ImageHDU(np.ones((40, 50), "f4"), header, name=name) for name in ("SCI", "ERR")]
    fits.HDUList([primary, *planes]).writeto(path)


@pytest.fixture
def folder(tmp_path):
    """A folder with mosaics of several conventions and things that are none."""
    place = tmp_path / "my mosaics"
    (place / "mast").mkdir(parents=True)
    write_pair(place, "abell-grizli-v7.0-f150w-clear_drc")
    write_pair(place, "abell-grizli-v7.0-f444w-clear_drc", shape=(30, 30))
    for kind in ("sci", "wht"):
        path = place / f"abell-grizli-v7.0-f444w-clear_drc_{kind}.fits"
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    write_i2d(place / "mast" / "jw01234-o001_t001_nircam_clear-f277w_i2d.fits", "F277W")
    write_i2d(place / "mast" / "jw01234-o001_t001_nircam_f150w2-f162m_i2d.fits", "F150W2", "F162M")
    fits.PrimaryHDU(np.ones((5, 5))).writeto(place / "f150w_psf.fits")
    (place / "list.csv").write_text("id,ra,dec\na,10,20\n")
    (place / "notes.csv").write_text("who,when\nme,now\n")
    (place / "abell-grizli-v7.0-f444w-clear_wcs.csv").write_text("file,ext,exptime\n")
    return place


def test_what_a_folder_holds(folder):
    found = starter.search(str(folder))
    assert list(found.mosaics) == ["F150W", "F162M", "F277W", "F444W"]  # by wavelength
    assert found.mosaics["F150W"].wht.endswith("f150w-clear_drc_wht.fits")
    assert found.mosaics["F444W"].wht.endswith("f444w-clear_drc_wht.fits.gz")
    assert found.mosaics["F277W"].wht == ""
    assert all(mosaic.problem == "" for mosaic in found.mosaics.values())
    assert [path.rsplit("/", 1)[-1] for path in found.source_lists] == ["list.csv"]
    assert found.spare == []


def test_the_text_names_files_units_and_zero_points(folder):
    """1 count of 10 nJy is AB 28.90; 1 MJy/sr on 0.02 arcsec pixels is 9.402 nJy, AB 28.97."""
    text = starter.starter_text("abell", starter.search(str(folder)), str(folder))
    entry = yaml.safe_load(text)["fields"]["abell"]
    exposures = {filt: values.get("exposures") for filt, values in entry["mosaics"].items()}
    table = "abell-grizli-v7.0-f444w-clear_wcs.csv"
    assert exposures == {"F150W": None, "F162M": None, "F277W": None, "F444W": table}
    assert entry["redshift"] == entry["ebv"] == "TODO"
    assert entry["sources"] == "list.csv"
    assert entry["reference_filter"] == "F162M"  # nearest to F200W in the logarithm of the wavelength
    assert entry["mosaics"]["F277W"] == {"sci": "mast/jw01234-o001_t001_nircam_clear-f277w_i2d.fits"}
    assert set(entry["mosaics"]["F150W"]) == {"sci", "wht"}
    assert "# 10.0*nanoJansky: 1 count = 10 nJy, zero point 28.90 AB (generic)" in text
    assert "# MJy/sr: 1 count = 9.40177 nJy, zero point 28.97 AB (mast_i2d)" in text
    assert "# 60 x 60 px of 0.0200 arcsec" in text
    assert "DUST/ at 110.8300 -73.4500" in text


def test_problems_and_spare_mosaics_are_comments(folder):
    write_pair(folder, "other-f150w_drz", shape=(20, 20))
    write_pair(folder, "nounit-f090w_drz", unit="")
    write_pair(folder, "mystery_drz")
    (folder / "torn_f356w_sci.fits").write_bytes(b"")
    found = starter.search(str(folder))
    text = starter.starter_text("abell", found, str(folder))
    entry = yaml.safe_load(text)["fields"]["abell"]
    assert list(entry["mosaics"]) == ["F090W", "F150W", "F162M", "F277W", "F356W", "F444W"]
    assert entry["mosaics"]["F150W"]["sci"].startswith("abell-")  # the larger of the two
    assert "# TODO: nounit-f090w_drz_sci.fits, BUNIT of the image: got no unit" in text
    assert "# TODO: torn_f356w_sci.fits: got an empty file" in text
    assert "#   other-f150w_drz_sci.fits: another F150W" in text
    assert "#   mystery_drz_sci.fits: the filter is not known" in text


def test_without_a_list_it_is_marked(folder):
    (folder / "list.csv").unlink()
    text = starter.starter_text("abell", starter.search(str(folder)), "/elsewhere")
    entry = yaml.safe_load(text)["fields"]["abell"]
    assert entry["sources"] == "TODO.csv"
    assert "or `detect`, to find them first" in text
    assert entry["mosaics"]["F150W"]["sci"].startswith(str(folder))  # not in the folder of the run: absolute


def test_the_command_writes_once_and_says_what_is_next(folder, capsys):
    options = ["--field", "abell", "--folder", "my mosaics", "--start", str(folder.parent)]
    assert command.main(options) == 0
    out = capsys.readouterr().out
    path = folder / "abell.yaml"
    text = path.read_text()
    assert f"Wrote {path}" in out
    assert "filters: F150W, F162M, F277W, F444W" in out
    assert f"make check CONFIG={path}" in out
    assert command.main(options) == 1
    assert f"{path}: got a file that exists" in capsys.readouterr().err
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"name": "ssp"}, ConfigError, "FIELD, fields.ssp: got the name 'ssp', expected another name"),
        ({"name": "a/b"}, ConfigError, "got the name 'a/b', expected letters, digits"),
        ({"folder": "gone"}, DataError, "FOLDER=gone: got no such folder"),
        ({"folder": "empty"}, DataError, "FOLDER=empty: got no mosaic among 0 FITS files"),
        ({"out_path": "gone/abell.yaml"}, DataError, "gone/abell.yaml: got No such file or directory"),
    ],
    ids=["reserved name", "slash", "no folder", "no mosaics", "no place"],
)
def test_mistakes(folder, monkeypatch, options, kind, says):
    monkeypatch.chdir(folder.parent)
    (folder.parent / "empty").mkdir()
    given = {"name": "abell", "folder": "my mosaics", "out_path": "abell.yaml"} | options
    with pytest.raises(kind, match="got") as caught:
        starter.write_starter(**given)
    assert says in str(caught.value)
    assert not (folder.parent / "abell.yaml").exists()


@pytest.mark.parametrize(
    ("names", "reference"),
    [(["F150W", "F200W"], "F200W"), (["F090W", "F150W", "F277W"], "F150W"), (["F356W", "F444W"], "F356W")],
)
def test_reference_filter(names, reference):
    assert starter.reference_filter(names) == reference


@pytest.mark.parametrize(
    ("name", "role", "filt"),
    [
        ("smacs0723-grizli-v7.0-f090w-clear_drc_sci.fits.gz", "image", "F090W"),
        ("smacs0723-grizli-v7.0-f090w-clear_drc_wht.fits.gz", "weight", "F090W"),
        ("jw02736-o001_t001_nircam_clear-f200w_i2d.fits", "image", "F200W"),
        ("hst_acs_f814w_drz.fits", "image", "F814W"),
        ("f200w_sci_err.fits", "other", "F200W"),
        ("F277W_psf.fits", "other", "F277W"),
        ("f150w_f200w_sci.fits", "image", ""),
        ("image.fits", "", ""),
        ("sources.csv", "other", ""),
    ],
)
def test_names(name, role, filt):
    assert naming.role_of(name) == role
    assert naming.header_filter({}, name)[0] == filt


def test_the_pupil_of_nircam_and_hst_instruments(tmp_path):
    assert naming.header_filter({"FILTER": "F444W", "PUPIL": "F405N"}, "x_f444w.fits") == (
        "F405N",
        "header",
    )
    path = tmp_path / "field_acs_f814w_drc_sci.fits"
    write_pair(tmp_path, "field_acs_f814w_drc")
    assert starter._filter_name(str(path)) == "acs_wfc_f814w"


# ------------------------------------------------------------------------------ what files are, not how they are called


def plane(path, data, *, on_sky=True, **cards):
    header = tan_header(data.shape, (10.0, 20.0)) if on_sky else fits.Header()
    header.update(cards)
    fits.PrimaryHDU(data, header).writeto(path)


def test_files_are_looked_into(tmp_path):
    """PSFs, kernels and maps of segments are no mosaics; an error map becomes `err:`."""
    rng = np.random.default_rng(1)
    image = rng.normal(size=(40, 50)).astype("f4")
    plane(tmp_path / "a_f200w_sci.fits", image, BUNIT="nJy")
    plane(tmp_path / "a_f200w_rms.fits", np.ones_like(image))
    plane(tmp_path / "a_f200w_seg.fits", np.ones((40, 50), "i4"))
    plane(tmp_path / "segments_f200w.fits", np.ones((40, 50), "i4"))
    plane(tmp_path / "PSF_F200W.fits", np.ones((41, 41)), on_sky=False)
    plane(tmp_path / "kernel_F200W.fits", np.ones((41, 41)), on_sky=False)
    found = starter.search(str(tmp_path))
    assert list(found.mosaics) == ["F200W"]
    mosaic = found.mosaics["F200W"]
    assert (mosaic.problem, mosaic.wht) == ("", "")
    assert mosaic.err.endswith("a_f200w_rms.fits")
    assert found.spare == []
    looks = {path.rsplit("/", 1)[-1]: look.split(",")[0] for path, look in found.others}
    assert looks == {
        "PSF_F200W.fits": "a PSF",
        "kernel_F200W.fits": "a kernel",
        "a_f200w_seg.fits": "a map of segments or a mask",
        "segments_f200w.fits": "a map of segments or a mask",
    }
    text = starter.starter_text("a", found, str(tmp_path))
    entry = yaml.safe_load(text)["fields"]["a"]["mosaics"]
    assert entry == {"F200W": {"sci": "a_f200w_sci.fits", "err": "a_f200w_rms.fits"}}
    assert "#   PSF_F200W.fits: a PSF, it seems: 41 x 41 px" in text


def test_weights_before_errors(tmp_path):
    for kind, data in (
        ("sci", np.zeros((40, 50), "f4")),
        ("wht", np.ones((40, 50), "f4")),
        ("err", np.ones((40, 50), "f4")),
    ):
        plane(tmp_path / f"a_f200w_{kind}.fits", data, BUNIT="nJy" if kind == "sci" else "")
    mosaic = starter.search(str(tmp_path)).mosaics["F200W"]
    assert (mosaic.wht.endswith("_wht.fits"), mosaic.err) == (True, "")
