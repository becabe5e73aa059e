"""Expected counts of Milky Way stars towards a field: thin and thick disc, halo and bulge.

Structure after Juric et al. (2008, ApJ 673, 864) and, for the bulge, Wainscoat et al. (1992, ApJS 83, 111);
distances pc, magnitudes AB without dust, densities stars per cubic parsec, areas arcmin2.
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.base.filters import load_filter

SUN_RADIUS_PC = 8000.0
SUN_HEIGHT_PC = 25.0
"""Juric et al. (2008): R_sun is assumed there, Z_sun fitted."""

DISC_LENGTH_PC = {"thin_disc": 2600.0, "thick_disc": 3600.0}
DISC_HEIGHT_PC = {"thin_disc": 300.0, "thick_disc": 900.0}
THICK_FRACTION = 0.12
"""Scale lengths, scale heights and local thick-to-thin ratio; Juric et al. (2008, abstract), corrected for biases."""

HALO_AXIS_RATIO, HALO_INDEX = 0.64, 2.77
"""c/a and power of the radius; Juric et al. (2008, abstract and table 10)."""

HALO_BREAK_PC, HALO_OUTER_INDEX = 27000.0, 4.6
"""Break radius and power beyond; Deason, Belokurov & Evans (2011, MNRAS 416, 2903, abstract). Stars of 28 mag are
M dwarfs at 20-60 kpc: without the break they would be several times as many."""

BULGE_RADIUS_PC, BULGE_FLATTENING, BULGE_TO_DISC = 2000.0, 1.6, 3.6
"""R_1, k_1 and the ratio to the disc of Wainscoat et al. (1992, section 2); only matters within some 25 degrees
of the Galactic centre, where the ratio is known to a factor of two."""

COMPONENTS = ("thin_disc", "thick_disc", "halo", "bulge")

TURN_OFF_MSUN = {"thin_disc": 1.5, "thick_disc": 0.9, "halo": 0.8, "bulge": 0.9}
"""Mass of the stars that have left the main sequence of populations of about 10, 12 and 10 Gyr. Giants are not
counted: at 25 mag they would be beyond 100 kpc."""

ULTRACOOL_PC3 = {
    ("M7", "M9"): 4.9e-3,
    ("L0", "L4"): 3.8e-3,
    ("L5", "T0"): 2.0e-3,
    ("T1", "T5"): 1.4e-3,
    ("T6", "T8"): 5.3e-3,
}
"""Local densities (1/pc3): M7 to M9.5, and for L the lower limit given for L0 to L8, of Cruz et al. (2007, AJ 133,
439, abstract); L5 to T0, T0.5 to T5.5 and T6 to T8 of Reyle et al. (2010, A&A 522, A112, abstract), with errors
of 0.8, 0.3 and 3.1e-3. As the limit for L holds some of L5 to L8 as well, L dwarfs are counted 10-30 % too often
if it is an equality; it is a lower limit."""

BANDS_MICRON = np.array([0.798, 1.235, 1.662, 2.159, 3.353, 4.603])
VEGA_TO_AB = np.array([0.45, 0.91, 1.39, 1.85, 2.699, 3.339])
"""Effective wavelengths, and AB less Vega magnitude, of Ic, J, H, Ks (Blanton & Roweis 2007, AJ 133, 734) and of
WISE W1, W2 (Jarrett et al. 2011, ApJ 735, 112)."""

T_DWARF_I_MINUS_J = 5.3
"""I - J (Vega) of dwarfs later than L5 without a tabulated I, from that of L8: F090W of T dwarfs is rough."""

MAGNITUDE_STEP = 0.1
LOG_DISTANCE = np.arange(1.0, 5.3, 0.01)
"""log10 of the distances in pc that are summed over, 10 pc to 200 kpc."""

ARCMIN2_SR = np.radians(1 / 60) ** 2


@dataclass(frozen=True)
class StarModel:
    """Expected counts per type and magnitude.

    Attributes
    ----------
    spectral_types : (n_types,) str ndarray
    mag : (n_mag,) float ndarray, AB without dust
        Centres of bins of `MAGNITUDE_STEP`.
    density : dict of str to (n_types, n_mag) float ndarray, stars / (arcmin2 mag)
        By component.
    """

    spectral_types: np.ndarray
    mag: np.ndarray
    density: dict

    @property
    def total(self):
        """Sum over the components, (n_types, n_mag)."""
        return sum(self.density.values())


def component_density(component, x, y, z):
    """Density at Galactocentric (x, y, z) in pc over the local density: of the halo, or of the thin disc for all else.

    Parameters
    ----------
    component : {'thin_disc', 'thick_disc', 'halo', 'bulge'}
    x, y, z : float ndarray, pc
        The Sun is at (`SUN_RADIUS_PC`, 0, `SUN_HEIGHT_PC`).

    Returns
    -------
    ratio : float ndarray

    Notes
    -----
    Discs: exp(-(R - R_sun)/L - (|z| - z_sun)/H). Halo: (R_sun / r)^n with r = sqrt(R^2 + (z/q)^2), n larger beyond
    the break, cored within 500 pc. Bulge: x^-1.8 exp(-x^3) with x = sqrt(R^2 + k_1^2 z^2) / R_1, flat within 0.1.
    """
    radius = np.hypot(x, y)
    if component in DISC_LENGTH_PC:
        length, height = DISC_LENGTH_PC[component], DISC_HEIGHT_PC[component]
        share = THICK_FRACTION if component == "thick_disc" else 1.0
        return share * np.exp(-(radius - SUN_RADIUS_PC) / length - (np.abs(z) - SUN_HEIGHT_PC) / height)
    if component == "halo":
        distance = np.maximum(np.hypot(radius, z / HALO_AXIS_RATIO), 500.0)
        beyond = np.maximum(distance / HALO_BREAK_PC, 1.0)
        return (SUN_RADIUS_PC / distance) ** HALO_INDEX * beyond ** (HALO_INDEX - HALO_OUTER_INDEX)
    if component == "bulge":
        scaled = np.maximum(np.hypot(radius, BULGE_FLATTENING * z) / BULGE_RADIUS_PC, 0.1)
        return BULGE_TO_DISC * scaled**-1.8 * np.exp(-(scaled**3))
    raise ValueError(f"component {component!r}, expected one of {COMPONENTS}")


def galactocentric(l_deg, b_deg, distance_pc):
    """Galactocentric (x, y, z) in pc of points along a line of sight, x towards the Sun, z to the north pole."""
    longitude, latitude = np.radians(l_deg), np.radians(b_deg)
    in_plane = distance_pc * np.cos(latitude)
    return (
        SUN_RADIUS_PC - in_plane * np.cos(longitude),
        in_plane * np.sin(longitude),
        SUN_HEIGHT_PC + distance_pc * np.sin(latitude),
    )


def absolute_magnitudes(sequence, filt):
    """Absolute AB magnitude of each type of the dwarf sequence in a filter.

    Parameters
    ----------
    sequence : `astropy.table.Table`
        resources/literature/dwarf_sequence.ecsv.
    filt : str

    Returns
    -------
    magnitude : (n_types,) float ndarray

    Notes
    -----
    Linear in log wavelength between Ic, J, H, Ks, W1 and W2, which knows of no bands of water and methane between
    these filters: good to 0.1-0.2 mag for M dwarfs, rough for F277W of T dwarfs and for F090W later than L5.
    """
    columns = {
        name: np.ma.filled(np.ma.asarray(sequence[name], float), np.nan) for name in sequence.colnames[2:]
    }
    m_j = columns["M_J"]
    m_i = np.where(np.isfinite(columns["M_Ic"]), columns["M_Ic"], m_j + T_DWARF_I_MINUS_J)
    m_h = m_j - columns["J_H"]
    m_k = m_h - columns["H_Ks"]
    m_w1 = m_k - np.nan_to_num(_filled(columns["Ks_W1"]))
    m_w2 = m_w1 - _filled(columns["W1_W2"])
    magnitudes = np.array([m_i, m_j, m_h, m_k, m_w1, m_w2]).T + VEGA_TO_AB
    at = np.log(load_filter(filt).wave_pivot / 1e4)
    return np.array([np.interp(at, np.log(BANDS_MICRON), row) for row in magnitudes])


def _filled(values):
    """Values with gaps filled linearly along the sequence."""
    place = np.arange(len(values))
    known = np.isfinite(values)
    return np.interp(place, place[known], values[known])


def halo_densities(sequence):
    """Local density of the halo per type of the sequence, 1/pc3: stars of 0.078 Msun to the turn-off.

    Notes
    -----
    `halo_mass_function` over the masses nearer to one type than to the next.
    """
    mass = np.ma.filled(np.ma.asarray(sequence["mass_msun"], float), np.nan)
    alive = np.flatnonzero((mass <= TURN_OFF_MSUN["halo"]) & (mass > 0.078))
    return _share(mass, alive, TURN_OFF_MSUN["halo"], 0.078, halo_mass_function)


def _share(mass, members, highest, lowest, function):
    """Integral of a mass function over the masses nearer to each member than to the next, 1/pc3."""
    density = np.zeros(len(mass))
    edges = np.concatenate([[highest], np.sqrt(mass[members][1:] * mass[members][:-1]), [lowest]])
    for k, high, low in zip(members, edges[:-1], edges[1:], strict=True):
        log_mass = np.linspace(np.log10(low), np.log10(high), 41)
        density[k] = np.trapezoid(function(10**log_mass), log_mass)
    return density


def local_densities(sequence):
    """Local density of the thin disc per type of the sequence, 1/pc3.

    Notes
    -----
    Above 0.098 Msun (M6.5) the present-day `mass_function` over the masses nearer to one type than to the next; later
    types `ULTRACOOL_PC3`, shared equally by the types of a group.
    """
    types = [str(name).removesuffix("V") for name in sequence["spectral_type"]]
    mass = np.ma.filled(np.ma.asarray(sequence["mass_msun"], float), np.nan)
    groups = {
        bounds: [k for k, name in enumerate(types) if _between(name, *bounds)] for bounds in ULTRACOOL_PC3
    }
    stars = [k for k in range(len(types)) if not any(k in members for members in groups.values())]
    density = _share(mass, stars, mass[0] ** 1.5 / mass[1] ** 0.5, 0.098, mass_function)
    for bounds, members in groups.items():
        density[members] = ULTRACOOL_PC3[bounds] / max(len(members), 1)
    return density


def _between(name, first, last):
    """Whether a spectral type such as ``L2`` lies within two others."""
    rank = {"F": 0, "G": 1, "K": 2, "M": 3, "L": 4, "T": 5}
    place, low, high = (10 * rank[word[0]] + int(word[1]) for word in (name, first, last))
    return low <= place <= high


def mass_function(mass_msun):
    """Present-day mass function of the disc, systems / (pc3 dex); Chabrier (2003), equation 18 and table 1.

    Notes
    -----
    That of systems, since pairs are not resolved at kiloparsecs; that of single objects has twice as many M dwarfs.
    """
    mass = np.asarray(mass_msun, dtype=float)
    low = 0.086 * np.exp(-((np.log10(mass) - np.log10(0.22)) ** 2) / (2 * 0.57**2))
    return np.where(mass <= 1, low, 0.044 * mass**-4.37)


def halo_mass_function(mass_msun):
    """Mass function of the stars of the spheroid, stars / (pc3 dex); Chabrier (2003), equation 20, table 1.

    Notes
    -----
    It goes back to the M subdwarfs counted by Gould, Flynn & Bahcall (1998, ApJ 503, 798). Turn-off stars scaled
    with the halo-to-thin ratio 0.0051 of Juric et al. (2008) would give 2 to 3 times as many: that is how well the
    counts fainter than 25 mag are known.
    """
    mass = np.asarray(mass_msun, dtype=float)
    low = 3.6e-4 * np.exp(-((np.log10(mass) - np.log10(0.22)) ** 2) / (2 * 0.33**2))
    return np.where(mass <= 0.7, low, 7.1e-5 * mass**-1.3)


def model_counts(l_deg, b_deg, sequence, filt, *, mag_min=15.0, mag_max=33.0):
    """Expected stars towards a direction by type, component and magnitude.

    Parameters
    ----------
    l_deg, b_deg : float
        Galactic coordinates.
    sequence : `astropy.table.Table`
        resources/literature/dwarf_sequence.ecsv.
    filt : str
    mag_min, mag_max : float
        Range of magnitudes, AB without dust.

    Returns
    -------
    model : `StarModel`

    Notes
    -----
    A(m) = integral over distance of density(d) d^2, each type at its absolute magnitude. Not included: giants,
    white dwarfs (4.5e-3/pc3; Hollands et al. 2018, MNRAS 480, 3942), the Magellanic Clouds and other streams.
    The halo has the colours and magnitudes of disc stars of the same mass; subdwarfs are bluer and a little brighter.
    """
    absolute = absolute_magnitudes(sequence, filt)
    disc, halo = local_densities(sequence), halo_densities(sequence)
    mass = np.nan_to_num(np.ma.filled(np.ma.asarray(sequence["mass_msun"], float), 0.05), nan=0.05)
    mag = np.arange(mag_min + MAGNITUDE_STEP / 2, mag_max, MAGNITUDE_STEP)
    distance = 10**LOG_DISTANCE
    volume = ARCMIN2_SR * distance**3 * np.log(10)  # per dex of distance and arcmin2
    place = galactocentric(l_deg, b_deg, distance)
    density = {}
    for component in COMPONENTS:
        per_dex = component_density(component, *place) * volume
        local = halo if component == "halo" else np.where(mass <= TURN_OFF_MSUN[component], disc, 0.0)
        log_d = (mag - absolute[:, None] + 5) / 5
        density[component] = local[:, None] * np.interp(log_d, LOG_DISTANCE, per_dex, left=0, right=0) / 5
    return StarModel(np.array([str(name) for name in sequence["spectral_type"]]), mag, density)


def tabulate_counts(model, area_arcmin2, *, mag_min, mag_max, bin_mag):
    """Columns of expected stars per bin of magnitude in an area.

    Parameters
    ----------
    model : `StarModel`
    area_arcmin2, mag_min, mag_max, bin_mag : float

    Returns
    -------
    columns : dict of str to ndarray
        ``mag_low mag_high n_stars``, n_<component>, and ``n_m_dwarfs n_l_dwarfs n_t_dwarfs``.
    """
    edges = np.arange(mag_min, mag_max + bin_mag / 2, bin_mag)
    total = model.total
    letter = np.array([name[0] for name in model.spectral_types])

    def binned(density):
        running = np.concatenate([[0.0], np.cumsum(density) * MAGNITUDE_STEP * area_arcmin2])
        ends = np.concatenate([[model.mag[0] - MAGNITUDE_STEP / 2], model.mag + MAGNITUDE_STEP / 2])
        return np.diff(np.interp(edges, ends, running))

    return {
        "mag_low": edges[:-1],
        "mag_high": edges[1:],
        "n_stars": binned(total.sum(axis=0)),
        **{f"n_{name}": binned(model.density[name].sum(axis=0)) for name in COMPONENTS},
        **{f"n_{kind.lower()}_dwarfs": binned(total[letter == kind].sum(axis=0)) for kind in "MLT"},
    }


def user_counts(mag, density, area_arcmin2, *, mag_min, mag_max, bin_mag):
    """The same columns from a user's own model, e.g. a histogram of a TRILEGAL or Besancon catalogue.

    Parameters
    ----------
    mag : (n,) float ndarray, AB without dust, increasing
    density : (n,) float ndarray, stars / (arcmin2 mag)

    Returns
    -------
    columns : dict of str to ndarray
        Components and types are NaN.
    """
    edges = np.arange(mag_min, mag_max + bin_mag / 2, bin_mag)
    centres = 0.5 * (edges[1:] + edges[:-1])
    counts = np.interp(centres, mag, density, left=0.0, right=0.0) * bin_mag * area_arcmin2
    names = [*(f"n_{name}" for name in COMPONENTS), "n_m_dwarfs", "n_l_dwarfs", "n_t_dwarfs"]
    return {
        "mag_low": edges[:-1],
        "mag_high": edges[1:],
        "n_stars": counts,
        **{name: np.full(len(counts), np.nan) for name in names},
    }


def valid_area_arcmin2(mosaic, *, rows_per_block=500):
    """Area of the pixels of a `clusterphot.base.products.Mosaic` that have a weight, arcmin2."""
    count = 0
    for first in range(0, mosaic.shape[0], rows_per_block):
        count += int(np.count_nonzero(np.asarray(mosaic.ivar[first : first + rows_per_block]) > 0))
    return count * mosaic.pixel_scale_arcsec**2 / 3600.0
