"""Reference encircled energies: the optics through pixels and drizzle, against other ways and real PSFs."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from clusterphot.base.errors import DataError
from clusterphot.optics.ensemble import RADII_ARCSEC, draw_states, optics_energy, telescopes
from clusterphot.psf.grid import OVERSAMPLING, oversampled
from clusterphot.psf.reference import Reference, read_encircled_energy
from photutils.aperture import CircularAperture

TABLE = Path(__file__).parents[3] / "resources" / "psf" / "encircled_energy.csv"
REAL = Path(__file__).parents[4] / "shared" / "real" / "cosmos_web_ring"


@pytest.fixture(scope="module")
def table():
    return read_encircled_energy(TABLE)


def test_light_is_between_none_and_all_and_grows(table):
    for radius, energy in table.values():
        assert radius.tolist() == list(RADII_ARCSEC)
        assert np.all(np.diff(energy, axis=1) >= 0) and energy.min() > 0 and np.all(energy[:, -1] == 1)


def test_table_is_that_of_the_optics(table):
    """One draw of one filter, made anew."""
    states = draw_states()
    made = optics_energy("F444W", states[2], telescopes(states[2:3])[0])
    assert np.allclose(made, table["F444W"][1][2], atol=1e-4)


def test_pixels_of_a_gaussian():
    """Light of a Gaussian through three squares: another Gaussian, of the sum of variances, to the size of squares."""
    radius, sigma, scale, native = np.geomspace(0.01, 3.0, 60), 0.08, 0.02, 0.031
    table = {"F200W": (radius, 1.0 - np.exp(-0.5 * (radius[None] / sigma) ** 2))}
    wide = np.sqrt(sigma**2 + (scale**2 + native**2 + (0.75 * native) ** 2) / 12.0 + 2 * 0.0065 * native**2)
    seen = Reference.of(table, "F200W", scale)
    for at in (0.05, 0.1, 0.2, 0.4):
        assert seen.ee(at) == pytest.approx(1.0 - np.exp(-0.5 * (at / wide) ** 2), abs=3e-3)
    assert seen.ee(10.0) == 1.0


def test_finer_pixels_are_sharper(table):
    coarse, fine = (Reference.of(table, "F277W", scale, pixfrac=1.0).ee(0.1) for scale in (0.06, 0.03))
    assert fine > coarse + 0.01


def test_unknown_filter(table):
    with pytest.raises(DataError, match="F770W"):
        Reference.of(table, "F770W", 0.04)


@pytest.mark.skipif(not REAL.exists(), reason="PSFs of real mosaics are not shipped: ../shared/real")
@pytest.mark.parametrize(
    ("name", "scale"), [("F115W", 0.03), ("F150W", 0.03), ("F277W", 0.06), ("F444W", 0.06)]
)
def test_psfs_of_real_mosaics(table, name, scale):
    """Within 3.3 %; 2 % in all but F115W and F444W at 0.1" (COSMOS-Web; drops as large as pixels)."""
    stamp = oversampled(fits.getdata(REAL / f"{name}_psf.fits").astype(float))
    middle = (len(stamp) // 2,) * 2
    reference = Reference.of(table, name, scale, pixfrac=1.0)
    for radius in (0.1, 0.2):
        circle = CircularAperture(middle, OVERSAMPLING * radius / scale)
        real = circle.do_photometry(stamp)[0][0] / OVERSAMPLING**2
        assert reference.ee(radius) == pytest.approx(real, rel=0.033)
