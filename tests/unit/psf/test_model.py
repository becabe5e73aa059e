"""Options of the PSF, and the light of a model."""

import numpy as np
import pytest
from clusterphot.psf.model import PsfModel, PsfOptions, anchor_light, model_light, normalise
from clusterphot.psf.wings import POWER, make_grid, power_law_light


def test_unknown_word_is_refused_when_options_are_made():
    with pytest.raises(ValueError, match="beyond_stamp: 'some', expected one of measured, reference, none"):
        PsfOptions(beyond_stamp="some")


def test_light_within_and_beyond_the_stamp():
    """An image of ones has the pixels of its disc as light; the tail goes on from a circle of that area to 6 arcsec."""
    options = PsfOptions()
    grid = make_grid(0.04, 0.14, 1.0, 2.5)
    image = np.ones((2 * grid.half_px + 1,) * 2)
    light = model_light(image, 2.0, grid, options)
    assert light.inside == pytest.approx(np.pi * 1.0**2 / 0.04**2, rel=0.02)  # 1941 pixels
    border = np.sqrt(light.inside * 0.04**2 / np.pi)
    assert light.tail == pytest.approx(2.0 * power_law_light(0.04, border, 6.0, POWER))
    assert light.total == light.inside + light.tail


def test_normalised_model_is_centred_with_unit_light_in_its_core():
    grid = make_grid(0.04, 0.14, 1.0, 2.5)
    axis = np.arange(-grid.half_px, grid.half_px + 1)
    image = np.exp(-0.5 * ((axis[:, None] + 0.2) ** 2 + (axis - 0.3) ** 2) / 1.6**2)
    model = PsfModel(image, 1.0, grid, np.ones_like(image))
    normalise(model, 0.04)
    assert anchor_light(model) == pytest.approx(1.0)
    assert (model.image * axis).sum() == pytest.approx(0.0, abs=1e-4)
    assert model.tail == pytest.approx(
        1.0 / image[np.hypot(axis[:, None], axis) * 0.04 < 0.2].sum(), rel=0.02
    )
