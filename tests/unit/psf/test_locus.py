"""The stellar locus among galaxies."""

import numpy as np
from clusterphot.psf.locus import fit_locus
from clusterphot.psf.stars import StarOptions


def test_locus_is_the_narrow_ridge_at_small_radius():
    rng = np.random.default_rng(3)
    stars = 2.0 * np.exp(0.03 * rng.normal(size=30))
    galaxies = np.exp(rng.uniform(np.log(2.2), np.log(4.4), 60))
    radius = np.concatenate([stars, galaxies])
    mag = rng.uniform(24, 27, len(radius))
    locus = fit_locus(mag, radius, np.ones(len(radius), bool), StarOptions())
    assert abs(locus["ln_radius"] - np.log(2.0)) < 0.03
    assert locus["window"] >= 0.12
    assert fit_locus(mag[:2], radius[:2], np.ones(2, bool), StarOptions()) is None
