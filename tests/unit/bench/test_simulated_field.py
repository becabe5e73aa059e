"""Fields of the benches as the workflow is given them."""

import pytest
import yaml
from astropy.table import Table

PLACE = "tests/bench"


@pytest.fixture
def fields(repo, monkeypatch):
    monkeypatch.syspath_prepend(repo / PLACE)
    return __import__("simulated_field")


def test_an_entry_says_what_is_known_of_the_exposures(fields):
    """Their table, gain and drop where the mosaic is drizzled; no error by phase where it is drawn as such."""
    exposures = {"gain_e_per_njy": 300.0, "pixfrac": 0.75}
    truth = Table(meta={"simulation": {"filters": ["F200W"], "exposures": exposures}})
    text = fields.entry("mine", truth, "list.csv", psf="psf.fits", more="    truth: truth.ecsv\n")
    entry = yaml.safe_load(text)["mine"]
    assert entry["sources"] == "list.csv"
    assert entry["truth"] == "truth.ecsv"
    files = {
        "sci": "F200W_sci.fits",
        "wht": "F200W_wht.fits",
        "exposures": "F200W_wcs.csv",
        "psf": "F200W_psf.fits",
    }
    assert entry["mosaics"] == {"F200W": files | exposures}
    truth.meta["simulation"]["exposures"] = None
    drawn = yaml.safe_load(fields.entry("mine", truth, "detect"))["mine"]["mosaics"]["F200W"]
    assert drawn == {"sci": "F200W_sci.fits", "wht": "F200W_wht.fits", "phase_error": 0.0}


def test_the_middle_of_a_true_psf_has_its_width(fields):
    """The FWHM of the core alone is that of the whole PSF, to a few of the pixels within half its peak."""
    truth = fields.draw_truth(5, exposures={}, size_arcsec=10.0, n_clusters=2, n_stars=2, filters=("F277W",))
    whole, core = (fields.true_psfs(truth, "F277W", core_arcsec=side)(3.0, -2.0) for side in (None, 1.0))
    assert len(core.data) < 0.2 * len(whole.data)
    assert core.fwhm_arcsec() == pytest.approx(whole.fwhm_arcsec(), rel=3e-3)
