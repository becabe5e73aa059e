"""Bands of NIRCam: pivot wavelengths, channels, wavelengths of equal photons."""

import numpy as np
import pytest
from clusterphot.optics import bands


def test_pivot_and_channel():
    """Pivot wavelengths of the instrument's handbook, in micron."""
    for name, pivot in (("F090W", 0.902), ("F200W", 1.988), ("F444W", 4.402)):
        assert bands.pivot_angstrom(name) * 1e-4 == pytest.approx(pivot, rel=2e-3)
    assert [bands.channel(name) for name in ("F070W", "F200W", "F277W", "F444W")] == ["short"] * 2 + [
        "long"
    ] * 2
    wave = bands.photon_wavelengths("F200W", 9)
    assert np.all(np.diff(wave) > 0)
    assert 17000 < wave[0] < wave[-1] < 23000
