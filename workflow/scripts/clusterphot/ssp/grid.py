"""Simple stellar populations: the grid object, its files, and its fluxes through filters.

Synthetic photometry after Bessell & Murphy (2012, PASP 124, 140), photon-counting AB fluxes.
Spectra in Lsun/Angstrom per Msun formed, vacuum Angstrom, ages in Gyr, fluxes in nJy per Msun formed.
"""

import dataclasses
import functools

import numpy as np
from astropy import constants
from astropy import units as u

from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.files import open_hdf5, way_out, whole_hdf5
from clusterphot.base.filters import load_filter, sedpy_name
from clusterphot.base.units import AB_ZERO_FLUX_NJY, METALLICITY_RTOL

LSUN_GALAXEV_ERG_S = 3.826e33
"""Solar luminosity that defines Lsun in GALAXEV spectra (Bruzual & Charlot 2003)."""

SUN_MAG_V_AB = 4.80
"""Absolute magnitude of the Sun in V, AB; 4.81 in Vega magnitudes (Willmer 2018, ApJS 236, 47, table 3)."""

V_FILTER = "bessell_V"
"""Filter of the V luminosity, rest frame (Bessell 1990, PASP 102, 1181)."""

MAX_LOST_FRACTION = 1e-4
"""Share of a filter's AB reference counts that may fall outside a spectrum (far wings of HST curves)."""

C_ANGSTROM_S = constants.c.to_value(u.AA / u.s)
"""Speed of light."""

_NJY_PER_CGS = 1e32  # 1 erg/s/cm2/Hz = 1e23 Jy
_AGE_RTOL = 1e-9  # ages closer than this (relative) to a node are that node
EMBEDDED_LAYOUT = "clusterphot embedded SSP grid, version 1"
"""Mark of the compact files of `clusterphot.ssp.embed`."""


class _Checked:
    """Shape checks shared by the two grid classes."""

    def _check_shapes(self, shapes):
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise ValueError(f"{name} has shape {np.shape(value)}, expected {shape}")

    def _check_increasing(self, *names):
        for name in names:
            value = getattr(self, name)
            if value.ndim != 1 or not np.all(np.diff(value) > 0) or not np.all(value > 0):
                raise ValueError(f"{name} must be one-dimensional, positive and strictly increasing")


@dataclasses.dataclass(frozen=True)
class SspGrid(_Checked):
    """Spectra of simple stellar populations by age and metallicity.

    Attributes
    ----------
    age_gyr : (na,) float ndarray, increasing
    metallicity_zsun : (nz,) float ndarray, increasing, in units of ``z_sun``
    wave_rest : (nw,) float ndarray, vacuum Angstrom, increasing
    spectra : (na, nz, nw) float ndarray, Lsun/Angstrom per Msun formed
        Read as linear in wavelength between the nodes.
    mass_remaining : (na, nz) float ndarray, in [0, 1]
        Fraction of the formed mass that survives: remnants included if ``mass_has_remnants``,
        else living stars only.
    mass_living : (na, nz) float ndarray or None
        Fraction in living stars, where known.
    mass_has_remnants : bool
    z_sun : float
        Mass fraction of metals that counts as solar in this library.
    imf, tracks, library, source, terms : str
    lsun_erg_s : float
        Luminosity, erg/s, that the library calls Lsun.
    """

    age_gyr: np.ndarray
    metallicity_zsun: np.ndarray
    wave_rest: np.ndarray
    spectra: np.ndarray
    mass_remaining: np.ndarray
    mass_living: np.ndarray | None = None
    mass_has_remnants: bool = False
    z_sun: float = 0.02
    imf: str = ""
    tracks: str = ""
    library: str = ""
    source: str = ""
    terms: str = ""
    lsun_erg_s: float = LSUN_GALAXEV_ERG_S

    def __post_init__(self):
        self._check_increasing("age_gyr", "metallicity_zsun", "wave_rest")
        na, nz, nw = len(self.age_gyr), len(self.metallicity_zsun), len(self.wave_rest)
        self._check_shapes({"spectra": (na, nz, nw), "mass_remaining": (na, nz), "mass_living": (na, nz)})


@dataclasses.dataclass(frozen=True)
class ProjectedGrid(_Checked):
    """A grid seen through filters at one redshift; everything per Msun formed.

    Attributes
    ----------
    age_gyr, metallicity_zsun : (na,) and (nz,) float ndarrays
    filters : tuple of str, the nf names as the user typed them
    flux_njy : (na, nz, nf) float ndarray, observed-frame nJy per Msun formed
    lum_v_lsun : (na, nz) float ndarray
        Rest-frame V luminosity in V-band Suns (``SUN_MAG_V_AB``) per Msun formed.
    mass_remaining, mass_living, mass_has_remnants, z_sun, imf ... terms
        As in `SspGrid`.
    redshift, luminosity_distance_mpc, h0, omega_m : float
        At redshift 0 the distance is 10 pc, so that the fluxes are those of absolute magnitudes.
    """

    age_gyr: np.ndarray
    metallicity_zsun: np.ndarray
    filters: tuple
    flux_njy: np.ndarray
    lum_v_lsun: np.ndarray
    mass_remaining: np.ndarray
    redshift: float
    luminosity_distance_mpc: float
    h0: float
    omega_m: float
    mass_living: np.ndarray | None = None
    mass_has_remnants: bool = False
    z_sun: float = 0.02
    imf: str = ""
    tracks: str = ""
    library: str = ""
    source: str = ""
    terms: str = ""

    def __post_init__(self):
        na, nz, nf = len(self.age_gyr), len(self.metallicity_zsun), len(self.filters)
        plane = (na, nz)
        self._check_increasing("age_gyr", "metallicity_zsun")
        self._check_shapes(
            {"flux_njy": (*plane, nf), "lum_v_lsun": plane, "mass_remaining": plane, "mass_living": plane}
        )

    @property
    def ml_v(self):
        """Surviving mass over V luminosity, (na, nz), in Msun per V-band Sun."""
        return self.mass_remaining / self.lum_v_lsun


@dataclasses.dataclass(frozen=True)
class FilterCurve:
    """Response of one filter: detector signal per photon against wavelength.

    Attributes
    ----------
    name, sedpy_name : str
        As the user typed it, and the curve's name in astro-sedpy.
    wave : (n,) float ndarray, vacuum Angstrom, observed frame
    transmission : (n,) float ndarray, any scale; linear between the nodes, zero outside
    ab_to_vega : float, mag, to be added to an AB magnitude to make it Vega
    """

    name: str
    sedpy_name: str
    wave: np.ndarray
    transmission: np.ndarray
    ab_to_vega: float = float("nan")

    @property
    def pivot_angstrom(self):
        """Pivot wavelength, Angstrom: sqrt(int T lambda dlambda / int T dlambda/lambda)."""
        lam, dlam = self.wave, np.diff(self.wave)
        product = self.transmission * lam
        middle = 0.25 * (self.transmission[1:] + self.transmission[:-1]) * (lam[1:] + lam[:-1])
        numerator = np.sum((product[1:] + product[:-1] + 4 * middle) * dlam / 6)
        return float(np.sqrt(numerator / np.sum(_inverse_wave_integral(lam, self.transmission))))


# ---------------------------------------------------------------------------------------------- filters


@functools.cache
def filter_curve(name):
    """Response curve of a filter, by a name of `clusterphot.base.filters`.

    Parameters
    ----------
    name : str
        A JWST imaging filter (``F090W``), or any curve of astro-sedpy by its own name
        (``acs_wfc_f606w``, ``bessell_V``).

    Returns
    -------
    curve : FilterCurve

    Raises
    ------
    ConfigError
        If there is no such curve; the hint lists the closest names.
    """
    curve = load_filter(name)
    wave, index = np.unique(np.asarray(curve.wavelength, float), return_index=True)
    transmission = np.asarray(curve.transmission, float)[index]
    for array in (wave, transmission):
        array.setflags(write=False)  # shared by all callers
    return FilterCurve(name, sedpy_name(name), wave, transmission, float(curve.ab_to_vega))


def _inverse_wave_integral(wave, transmission):
    """Integral of T dlambda/lambda on each interval, exact for T linear in lambda."""
    slope = np.diff(transmission) / np.diff(wave)
    log_ratio = np.log(wave[1:] / wave[:-1])
    return (transmission[:-1] - slope * wave[:-1]) * log_ratio + np.diff(transmission)


def _check_coverage(wave, curve, redshift):
    """Raise ConfigError if more than MAX_LOST_FRACTION of the filter lies outside the spectrum."""
    low, high = wave[0], wave[-1]
    if curve.wave[0] >= low and curve.wave[-1] <= high:
        return
    nodes = np.union1d(curve.wave, np.clip([low, high], curve.wave[0], curve.wave[-1]))
    pieces = _inverse_wave_integral(nodes, np.interp(nodes, curve.wave, curve.transmission))
    middle = 0.5 * (nodes[1:] + nodes[:-1])
    lost = pieces[(middle < low) | (middle > high)].sum() / pieces.sum()
    if lost > MAX_LOST_FRACTION:
        scale = 1.0 + redshift
        raise ConfigError(
            f"filter {curve.name}",
            f"a curve from {curve.wave[0]:.0f} to {curve.wave[-1]:.0f} Angstrom, of which {lost:.2%} is "
            f"outside the spectra at redshift {redshift:g}",
            f"a filter within {low:.0f} to {high:.0f} Angstrom observed "
            f"({low / scale:.0f} to {high / scale:.0f} Angstrom at rest)",
            "leave the filter out of the fit, or use a grid with a wider wavelength range",
        )


def band_weights(wave, curve, *, redshift=0.0):
    """Weights that turn a spectrum into its mean AB flux density in a filter.

    Parameters
    ----------
    wave : (nw,) float ndarray, Angstrom, increasing
        Observed-frame nodes of the spectrum.
    curve : FilterCurve
    redshift : float, optional
        Only named in the message of an error.

    Returns
    -------
    weights : (nw,) float ndarray, Angstrom s
        ``f_lambda @ weights`` is the mean f_nu, in erg/s/cm2/Hz for f_lambda in erg/s/cm2/Angstrom.

    Raises
    ------
    ConfigError
        If the spectrum does not cover the filter.

    Notes
    -----
    f_nu = int f_lambda T lambda dlambda / (c int T dlambda/lambda) (Bessell & Murphy 2012, appendix).
    Spectrum and curve are linear between their own nodes. On the union of the nodes the numerator
    is a cubic in each interval, which two Gauss-Legendre points integrate exactly, and the
    denominator has a closed form: coarse sampling of either adds no error of its own.
    """
    _check_coverage(wave, curve, redshift)
    low, high = max(curve.wave[0], wave[0]), min(curve.wave[-1], wave[-1])
    nodes = np.union1d(wave, curve.wave)
    nodes = nodes[(nodes >= low) & (nodes <= high)]
    half, middle = 0.5 * np.diff(nodes), 0.5 * (nodes[1:] + nodes[:-1])
    weights = np.zeros(len(wave))
    for point in (-np.sqrt(1 / 3), np.sqrt(1 / 3)):
        x = middle + point * half
        value = np.interp(x, curve.wave, curve.transmission) * x * half
        left = np.clip(np.searchsorted(wave, x, side="right") - 1, 0, len(wave) - 2)
        fraction = (x - wave[left]) / (wave[left + 1] - wave[left])
        weights += np.bincount(left, value * (1 - fraction), len(wave))
        weights += np.bincount(left + 1, value * fraction, len(wave))
    return weights / (C_ANGSTROM_S * np.sum(_inverse_wave_integral(curve.wave, curve.transmission)))


def band_flux(wave, f_lambda, curves, *, redshift=0.0):
    """Mean AB flux densities of spectra in filters.

    Parameters
    ----------
    wave : (nw,) float ndarray, Angstrom, observed frame
    f_lambda : (..., nw) float ndarray, erg/s/cm2/Angstrom, observed frame
    curves : sequence of nf FilterCurve

    Returns
    -------
    f_nu : (..., nf) float ndarray, erg/s/cm2/Hz
    """
    columns = []
    for curve in curves:
        weights = band_weights(wave, curve, redshift=redshift)
        used = np.flatnonzero(weights)
        part = slice(used[0], used[-1] + 1)
        # einsum, not BLAS: the same bits whatever the number of threads
        columns.append(np.einsum("...w,w->...", np.asarray(f_lambda)[..., part], weights[part]))
    return np.stack(columns, axis=-1)


# ----------------------------------------------------------------------------------- choosing and fluxes


def resample_ages(grid, ages_gyr):
    """The grid at other ages: log L linear in log age, masses linear in log age.

    Parameters
    ----------
    grid : SspGrid
    ages_gyr : (n,) increasing floats, Gyr, within the grid's range

    Returns
    -------
    grid : SspGrid
        At an age of the grid itself (to a relative 1e-9) the values are those of the grid, bit for bit.

    Raises
    ------
    ValueError
        If an age is outside the grid, or the ages do not increase.

    Notes
    -----
    Where one of the two spectra is not positive, that wavelength is interpolated linearly in L.
    """
    ages = np.asarray(ages_gyr, dtype=float)
    native = grid.age_gyr
    outside = (ages < native[0] * (1 - _AGE_RTOL)) | (ages > native[-1] * (1 + _AGE_RTOL)) | np.isnan(ages)
    if ages.ndim != 1 or outside.any():
        raise ValueError(
            f"ages_gyr {ages[outside] if ages.ndim == 1 else ages} outside the grid, "
            f"{native[0]:g} to {native[-1]:g} Gyr"
        )
    spectra = np.empty((len(ages), *grid.spectra.shape[1:]))
    names = ["mass_remaining"] + (["mass_living"] if grid.mass_living is not None else [])
    masses = {name: np.empty((len(ages), len(grid.metallicity_zsun))) for name in names}
    for i, age in enumerate(ages):
        nearest = int(np.argmin(np.abs(native - age)))
        if abs(native[nearest] - age) <= _AGE_RTOL * age:
            spectra[i] = grid.spectra[nearest]
            for name, mass in masses.items():
                mass[i] = getattr(grid, name)[nearest]
            continue
        k = int(np.searchsorted(native, age)) - 1
        t = np.log(age / native[k]) / np.log(native[k + 1] / native[k])
        spectra[i] = _interpolate_log(grid.spectra[k], grid.spectra[k + 1], t)
        for name, mass in masses.items():
            mass[i] = (1 - t) * getattr(grid, name)[k] + t * getattr(grid, name)[k + 1]
    return dataclasses.replace(grid, age_gyr=ages, spectra=spectra, **masses)


def _interpolate_log(first, second, t):
    """``first**(1-t) * second**t`` where both are positive, else linear."""
    result = (1 - t) * np.asarray(first, float) + t * np.asarray(second, float)
    positive = (first > 0) & (second > 0)
    result[positive] = np.exp((1 - t) * np.log(first[positive]) + t * np.log(second[positive]))
    return result


def select_metallicities(grid, values):
    """The grid at some of its own metallicities, in the order of the grid.

    Parameters
    ----------
    grid : SspGrid
    values : 'native' for all, or sequence of floats, Zsun, each within a relative METALLICITY_RTOL of one of the grid's

    Raises
    ------
    ConfigError
        If a value is not one of the grid's metallicities.
    """
    if isinstance(values, str) and values == "native":
        return grid
    have = grid.metallicity_zsun
    index = set()
    for value in values:
        match = np.flatnonzero(np.abs(have - value) <= METALLICITY_RTOL * have)
        if match.size == 0:
            raise ConfigError(
                "metallicity_zsun",
                f"{value:g}",
                f"metallicities of the grid: {', '.join(f'{z:g}' for z in have)}",
                f"they are in units of Z = {grid.z_sun:g}, the solar value of this grid",
            )
        index.add(int(match[0]))
    if not index:
        raise ValueError("values is empty, expected at least one metallicity")
    chosen = sorted(index)
    living = None if grid.mass_living is None else grid.mass_living[:, chosen]
    return dataclasses.replace(
        grid,
        metallicity_zsun=have[chosen],
        spectra=grid.spectra[:, chosen],
        mass_remaining=grid.mass_remaining[:, chosen],
        mass_living=living,
    )


def nodes_around(grid, *, age_range_gyr, metallicity_range_zsun):
    """The native nodes of a grid within two ranges, and the one beyond each end where there is one.

    Parameters
    ----------
    grid : SspGrid
    age_range_gyr, metallicity_range_zsun : (low, high) of float

    Returns
    -------
    grid : SspGrid
    """
    parts = []
    for axis, (low, high) in ((grid.age_gyr, age_range_gyr), (grid.metallicity_zsun, metallicity_range_zsun)):
        first = max(0, int(np.searchsorted(axis, low * (1 + _AGE_RTOL), side="right")) - 1)
        last = min(len(axis), int(np.searchsorted(axis, high * (1 - _AGE_RTOL), side="left")) + 1)
        parts.append(slice(min(first, last - 1), last))
    ages, metallicities = parts
    living = None if grid.mass_living is None else grid.mass_living[ages, metallicities]
    return dataclasses.replace(
        grid,
        age_gyr=grid.age_gyr[ages],
        metallicity_zsun=grid.metallicity_zsun[metallicities],
        spectra=grid.spectra[ages, metallicities],
        mass_remaining=grid.mass_remaining[ages, metallicities],
        mass_living=living,
    )


def _area_cm2(distance):
    """4 pi d^2 of a distance, cm2."""
    return 4 * np.pi * distance.to_value(u.cm) ** 2


def v_luminosity(grid):
    """Rest-frame V luminosity per Msun formed, (na, nz), in V-band Suns."""
    f_lambda = grid.spectra * (grid.lsun_erg_s / _area_cm2(10 * u.pc))
    f_nu = band_flux(grid.wave_rest, f_lambda, [filter_curve(V_FILTER)])[..., 0]
    mag = -2.5 * np.log10(f_nu * _NJY_PER_CGS / AB_ZERO_FLUX_NJY)
    return 10 ** (-0.4 * (mag - SUN_MAG_V_AB))


def project_grid(grid, filters, redshift, cosmology):
    """Fluxes of the grid through filters at a redshift, and V luminosities.

    Parameters
    ----------
    grid : SspGrid
    filters : sequence of str, names for `filter_curve`
    redshift : float, >= 0
        At 0 the populations are put at 10 pc.
    cosmology : `astropy.cosmology.FlatLambdaCDM`

    Returns
    -------
    projected : ProjectedGrid

    Raises
    ------
    ConfigError
        If a filter is unknown, or not covered by the spectra at this redshift.
    ValueError
        If the redshift is negative.

    Notes
    -----
    f_lambda(lambda) = L_lambda(lambda / (1+z)) / (4 pi D_L^2 (1+z)) (Hogg et al. 2002, astro-ph/0210394).
    No absorption, of the Milky Way or of the intergalactic gas, is applied.
    """
    if not redshift >= 0:
        raise ValueError(f"redshift is {redshift}, expected >= 0")
    distance = cosmology.luminosity_distance(redshift) if redshift > 0 else 10 * u.pc
    curves = [filter_curve(name) for name in filters]
    wave_obs = grid.wave_rest * (1 + redshift)
    per_lsun = band_flux(wave_obs, grid.spectra, curves, redshift=redshift)
    scale = grid.lsun_erg_s / (_area_cm2(distance) * (1 + redshift)) * _NJY_PER_CGS
    shared = ("age_gyr", "metallicity_zsun", "mass_remaining", "mass_living", "mass_has_remnants", "z_sun")
    return ProjectedGrid(
        filters=tuple(filters),
        flux_njy=per_lsun * scale,
        lum_v_lsun=v_luminosity(grid),
        redshift=float(redshift),
        luminosity_distance_mpc=float(distance.to_value(u.Mpc)),
        h0=float(cosmology.H0.value),
        omega_m=float(cosmology.Om0),
        **{name: getattr(grid, name) for name in (*shared, "imf", "tracks", "library", "source", "terms")},
    )


# ------------------------------------------------------------------------------------------------ files

UNITS = {
    "age_gyr": "Gyr",
    "metallicity_zsun": "z_sun",
    "wave_rest": "Angstrom, vacuum",
    "spectra": "Lsun/Angstrom per Msun formed",
    "flux_njy": "nJy per Msun formed",
    "lum_v_lsun": "V-band Lsun per Msun formed",
    "mass_remaining": "fraction of the mass formed",
    "mass_living": "fraction of the mass formed",
}


def _write(path, record):
    """Write a grid dataclass: arrays as datasets (spectra in float32), the rest as attributes."""
    with whole_hdf5(path) as file:
        file.attrs["kind"] = type(record).__name__
        for field in dataclasses.fields(record):
            value = getattr(record, field.name)
            if value is None:
                continue
            if field.name == "filters":
                file.attrs["filters"] = list(value)
            elif isinstance(value, np.ndarray):
                dtype = "f4" if field.name == "spectra" else "f8"
                file.create_dataset(field.name, data=np.asarray(value, dtype), fletcher32=value.ndim > 0)
                file[field.name].attrs["unit"] = UNITS[field.name]
            else:
                file.attrs[field.name] = value


def _plain(value):
    """An HDF5 attribute as a Python number, string or tuple of strings."""
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value.item() if isinstance(value, np.generic) else value


def _read(path, cls):
    """Read what `_write` wrote."""
    with open_hdf5(str(path)) as file:
        kind = file.attrs.get("kind", "no kind")
        if kind != cls.__name__:
            raise DataError(str(path), f"kind {kind!r}", f"kind {cls.__name__!r}", way_out(path))
        values = {name: file[name][()].astype(float) for name in file}
        for field in dataclasses.fields(cls):
            if field.name in file.attrs:
                values[field.name] = _plain(file.attrs[field.name])
        return cls(**values)


def write_grid(path, grid):
    """Write an `SspGrid` to HDF5; spectra in float32, the rest in float64."""
    _write(path, grid)


def read_grid(path):
    """Read an `SspGrid` written by `write_grid`."""
    return _read(path, SspGrid)


def write_projected_grid(path, projected):
    """Write a `ProjectedGrid` to HDF5 in float64."""
    _write(path, projected)


def read_projected_grid(path):
    """Read a `ProjectedGrid` written by `write_projected_grid`."""
    return _read(path, ProjectedGrid)


def read_embedded_grid(path):
    """Read the compact grid that the repository ships, made by `clusterphot.ssp.embed`.

    log10 L = ``log_zero`` + ``log_step_dex`` * cumsum(``log_steps``, axis=0): the levels of the first age,
    then the differences from one age to the next.
    """
    with open_hdf5(str(path)) as file:
        kind = file.attrs.get("kind", "no kind")
        if kind != EMBEDDED_LAYOUT:
            raise DataError(str(path), f"kind {kind!r}", f"kind {EMBEDDED_LAYOUT!r}", way_out(path))
        steps = np.cumsum(file["log_steps"][()], axis=0, dtype=np.int64)
        spectra = 10.0 ** (file.attrs["log_zero"] + file.attrs["log_step_dex"] * steps)
        names = {field.name for field in dataclasses.fields(SspGrid)}
        values = {name: file[name][()] for name in file if name in names}
        values |= {name: _plain(file.attrs[name]) for name in names & set(file.attrs)}
    return SspGrid(spectra=spectra, **values)
