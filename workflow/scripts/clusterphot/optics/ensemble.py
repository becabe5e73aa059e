"""Encircled energies of NIRCam's optics over the states of telescope and detectors that mosaics are taken in.

Draws of wavefront, pointing and detector, of which each gives the light within circles before pixels and drizzle. Means
were set to the PSFs of real mosaics: with them encircled energies within 0.1" and 0.2" of COSMOS-Web's (F115W F150W
F277W F444W, 30 and 60 mas) come out within 3.3 %. Lengths in arcsec or mas, wavefronts in nm, as named.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from clusterphot.optics.bands import channel, photon_wavelengths, pivot_angstrom
from clusterphot.optics.detector import NATIVE_PIXEL_ARCSEC, blurred
from clusterphot.optics.psf import (
    CENTRING_STEPS,
    FIELD_OF_VIEW_ARCSEC,
    core_centroid,
    fwhm_arcsec,
    intensity,
    moved,
    pupil_field,
)
from clusterphot.optics.pupil import OpticsConfig, low_order_modes, pupil

N_DRAWS = 24
"""Enough for a covariance of ten or so quantities whose scatter has three causes."""

WFE_NM, WFE_RANGE_NM = (85.0, 12.0), (50.0, 120.0)
"""Mean and scatter of the rms wavefront error, and its least and largest. Single images have 60-95 nm (Rigby et al.
2023, PASP 135, 048001, fig. 8); 85 nm makes the light within 0.1" to 0.4" that real mosaics have in F115W and F150W."""

WFE_INDEX = (2.5, 0.4)
"""Slope of its power spectrum."""

LOW_ORDER_NM = 15.0
"""Scatter of defocus and both astigmatisms beyond it: places of the field and times between alignments."""

JITTER_MAS = (7.0, 1.5)
"""Of the pointing, with what exposures are misplaced against each other (FAUL00 measured 6-10)."""

DIFFUSION_MAS = {"short": (6.2, 2.0), "long": (18.0, 3.0)}
"""Diffusion of charge: that of STPSF 2 in its middle."""

DIFFUSION_LONG_SLOPE, DIFFUSION_LONG_UM = -4.0, 4.4
"""Change per um from the latter wavelength in the long channel: shorter wavelengths are absorbed farther from the
junction. F277W and F356W of COSMOS-Web and CEERS ask for 24 and 21 mas, F444W for 18."""

N_WAVELENGTHS = 5
"""Wavelengths of equal photons."""

SAMPLES_PER_PIXEL = 4
"""Samples per pixel of the detector."""

RADII_ARCSEC = (
    *np.round(np.arange(0.01, 0.1, 0.01), 3),
    *np.round(np.geomspace(0.1, 1.0, 24), 3),
    1.4,
    2.0,
    2.8,
    4.0,
    6.0,
)
"""At which light is tabulated: single Airy rings need not be told apart. Beyond the field of view that is computed all
of it is inside."""

RADIAL_STEP_ARCSEC, N_ANGLES = 0.004, 72
"""Of the polar grid on which intensities are averaged over angles."""


@dataclass(frozen=True)
class Draw:
    """One state of telescope and detectors.

    Attributes
    ----------
    optics : OpticsConfig
    low_order_nm : (3,) float ndarray
        Further defocus and astigmatisms.
    diffusion_sigmas : float
        Of the diffusion of charge from its mean.
    """

    optics: OpticsConfig
    low_order_nm: np.ndarray
    diffusion_sigmas: float

    def blur_mas(self, filter_name):
        """Sigma per axis of pointing and charge together."""
        part = channel(filter_name)
        mean, scatter = DIFFUSION_MAS[part]
        if part == "long":
            mean += DIFFUSION_LONG_SLOPE * (pivot_angstrom(filter_name) * 1e-4 - DIFFUSION_LONG_UM)
        return float(np.hypot(self.optics.jitter_mas, max(mean + self.diffusion_sigmas * scatter, 0.0)))


def draw_states(n=N_DRAWS, seed=1):
    """States of telescope and detectors, the same for all filters, list of `Draw`."""
    rng = np.random.default_rng(seed)
    states = []
    for k in range(n):
        wfe = float(np.clip(rng.normal(*WFE_NM), *WFE_RANGE_NM))
        optics = OpticsConfig(
            wfe_nm=wfe,
            wfe_index=float(rng.normal(*WFE_INDEX)),
            jitter_mas=float(max(rng.normal(*JITTER_MAS), 0.0)),
            n_wavelengths=N_WAVELENGTHS,
            seed=1000 + k,
        )
        states.append(Draw(optics, rng.normal(0.0, LOW_ORDER_NM, 3), float(rng.normal())))
    return states


def telescopes(states):
    """Amplitude and wavefront (m) of each state, list of pairs."""
    pairs = []
    for state in states:
        amplitude, wavefront = pupil(state.optics)
        further = np.tensordot(state.low_order_nm, low_order_modes(amplitude), axes=1) * 1e-9
        pairs.append((amplitude, wavefront + further))
    return pairs


def optics_energy(filter_name, state, telescope):
    """Light of the optics within circles around its core, before pixels and drizzle.

    Parameters
    ----------
    filter_name : str
    state : Draw
    telescope : pair of ndarray
        From `telescopes`.

    Returns
    -------
    energy : (r,) float ndarray
        Fraction of the light in the field of view within `RADII_ARCSEC`.
    """
    part = channel(filter_name)
    sample = NATIVE_PIXEL_ARCSEC[part] / SAMPLES_PER_PIXEL
    n = 2 * round(FIELD_OF_VIEW_ARCSEC[part] / sample / 2) + 1
    image = np.zeros((n, n))
    for wave in photon_wavelengths(filter_name, N_WAVELENGTHS):
        light = intensity(pupil_field(*telescope, wave * 1e-10), wave * 1e-10, sample, n)
        image += light / light.sum()
    image = blurred(image / image.sum(), [], state.blur_mas(filter_name) * 1e-3 / sample)
    fwhm = fwhm_arcsec(image, sample) / sample
    for _ in range(CENTRING_STEPS):
        image = moved(image, *(-offset for offset in core_centroid(image, fwhm)))
    # Mean over angles on a polar grid, then the integral over radius.
    radius = np.arange(0.0, n // 2 * sample, RADIAL_STEP_ARCSEC)
    angle = np.arange(N_ANGLES) * 2.0 * np.pi / N_ANGLES
    y, x = (
        radius[:, None] * np.sin(angle) / sample + n // 2,
        radius[:, None] * np.cos(angle) / sample + n // 2,
    )
    mean = map_coordinates(image, [y, x], order=3).mean(axis=1) / sample**2
    rings = 2.0 * np.pi * radius * mean
    inside = np.concatenate([[0.0], np.cumsum(0.5 * (rings[1:] + rings[:-1]) * RADIAL_STEP_ARCSEC)])
    return np.interp(RADII_ARCSEC, radius, np.minimum(inside, 1.0), right=1.0)
