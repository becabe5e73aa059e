"""Pupil of the telescope: area, wavefront error, and what poppy must leave alone."""

import logging
import warnings

import numpy as np
import pytest
from clusterphot.optics import pupil


def test_wavefront_error_follows_seed_and_rms():
    amplitude, opd = pupil.pupil(pupil.OpticsConfig(wfe_nm=80, seed=5))
    assert np.sqrt(np.average(opd**2, weights=amplitude)) == pytest.approx(80e-9)
    # 18 hexagons of 1.32 m flat to flat, less three struts of 0.1 m over about 2.3 m each
    area = amplitude.sum() * (pupil.PUPIL_WIDTH_M / pupil.PUPIL_PIXELS) ** 2
    assert area == pytest.approx(18 * np.sqrt(3) / 2 * 1.32**2 - 3 * 0.1 * 2.3, rel=0.02)
    pupil.pupil.cache_clear()
    np.testing.assert_array_equal(pupil.pupil(pupil.OpticsConfig(wfe_nm=80, seed=5))[1], opd)
    assert not np.array_equal(pupil.pupil(pupil.OpticsConfig(wfe_nm=80, seed=6))[1], opd)


def test_poppy_leaves_warnings_and_logging_alone():
    before, level = list(warnings.filters), logging.getLogger("poppy").level
    pupil.pupil.cache_clear()
    pupil.pupil(pupil.OpticsConfig())
    assert warnings.filters == before
    assert logging.getLogger("poppy").level == level
