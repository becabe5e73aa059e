"""Truth of a simulated galaxy-cluster field: light of the cluster, stars, background galaxies, star clusters.

The field is like SMACS J0723.3-7327 as seen by Faisst et al. 2022 (ApJL 941, L11); one row per object with
position in each filter's mosaic and fluxes in nJy, before (flux0) and after (flux) Milky Way extinction.
"""

import dataclasses
import zlib
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from clusterphot.base.columns import TRUTH_COLUMNS, TRUTH_FILTER_COLUMNS
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.config.simulation import ExposureKeys, SceneKeys
from clusterphot.optics.bands import channel
from clusterphot.optics.detector import MOSAIC_PIXEL_ARCSEC
from clusterphot.optics.pupil import OpticsConfig
from clusterphot.simulate.light import cluster_fluxes, milky_way_extinction, relative_flux, surface_brightness

MAX_SURFACE_BRIGHTNESS = 12000.0
"""F200W light of galaxies, nJy/arcsec2, above which no star cluster is drawn: none can be found there."""

SEPARATION_ARCSEC = 0.15
"""Star clusters drawn at random are at least this far from one another."""

EDGE_ARCSEC = {"cluster": 0.6, "member": 0.5, "star": 0.3}
"""Distance that objects keep from the edge of the field; background galaxies keep none."""

BCG = {"mag": 17.0, "r_e": 2.2, "n": 3.0, "q": 0.75, "pa": 20.0}
ICL = {"mag": 16.0, "r_e": 13.0, "n": 1.2, "q": 0.62, "pa": 15.0}
"""Central galaxy and intracluster light for a halo of 1: F200W magnitude, effective radius (arcsec), Sersic index,
axis ratio, position angle (deg); chosen to look like those of SMACS J0723."""

MEMBER_AREA_ARCSEC2 = 40
"""One member galaxy on this area: 40 in a field of 40"."""

CLEARANCE_PIVOT_MAG, CLEARANCE_PER_MAG, MAX_CLEARANCE = 21.0, 0.3, 2.0
"""Members brighter than the first are cleared wider by this much per magnitude, up to the last (factors)."""

CLUSTER_SCATTER, COLOUR_SCATTER = 0.25, 0.08
"""Scatter of drawn star clusters about a row of the table: all filters together (ln), and each by itself."""

POSITION_ROUNDING_DEG = 1e-5
"""Published positions are rounded to this; the true ones lie somewhere in that cell."""

HOSTED_SHARE, HOST_MAG = 0.35, 21.5
"""Share of the star clusters that lie around members brighter than this; the others follow the intracluster light."""

STAR_LIGHT = 3000.0
"""F200W light of galaxies, nJy/arcsec2, above which no star is drawn: its PSF could not be measured there."""

FAINTEST_GALAXY, BRIGHTEST_GALAXY, COUNT_SLOPE = 30.5, 21.5, 0.27
"""Background galaxies: magnitudes, and slope of log counts per magnitude."""

COMPACT_SHARE, ARC_SHARE = 0.15, 0.08
"""Shares of the background galaxies that are as small as star clusters, and that are drawn out along arcs."""


@dataclass(frozen=True)
class ExposureOptions(ExposureKeys):
    """Options of `clusterphot.simulate.exposures`, keys of the entry ``exposures``."""


@dataclass(frozen=True)
class FieldConfig(SceneKeys):
    """Everything that defines a simulated field: keys of its entry, and more; equal configurations give equal pixels.

    Attributes
    ----------
    field : str
    reference_filter : str
        Its WCS is exact; the others are off by up to ``wcs_offset_px``.
    ra, dec : float, deg
        Centre, where the brightest cluster galaxy lies.
    redshift : float
        Recorded with the truth; fluxes do not depend on it.
    n_clusters : int
        Star clusters; 0 takes each row of the given table once. Rows that lie inside come first.
    draw_clusters : bool
        Draw ``n_clusters`` from the table's flux distribution, with jitter, instead of taking its rows.
    ebv : float, mag
        Reddening E(B-V) put in front of everything.
    list_error_mas : float
        Error per axis of the listed positions of star clusters placed here (published ones: rounding).
    wfe_nm, jitter_mas : float or None
        Of the PSF; None draws 60-95 nm and 6-10 mas from the seed. With exposures, diffusion of charge and pointing
        errors come on top: the jitter stands for what else makes PSFs of real mosaics broader than optics alone.
    exposures : `ExposureOptions` or dict of its values, optional
        Of mosaics drizzled from exposures; None for mosaics drawn as such.
    """

    field: str = "demo"
    reference_filter: str = "F200W"
    ra: float = 110.8269
    dec: float = -73.4547
    redshift: float = 0.39
    n_clusters: int = 0
    draw_clusters: bool = False
    ebv: float = 0.18
    list_error_mas: float = 6.0
    wfe_nm: float | None = None
    jitter_mas: float | None = None
    exposures: ExposureOptions | None = None

    def __post_init__(self):
        """Make ``filters`` a tuple and ``exposures`` options, and refuse words that mean nothing."""
        object.__setattr__(self, "filters", tuple(self.filters))
        if isinstance(self.exposures, dict):
            object.__setattr__(self, "exposures", ExposureOptions(**self.exposures))
        if self.noise not in ("drizzle", "white", "none"):
            raise ValueError(f"noise = {self.noise!r}, expected 'drizzle', 'white' or 'none'")

    def to_dict(self):
        """Plain dictionary for the metadata of a table."""
        return {**dataclasses.asdict(self), "filters": list(self.filters)}

    def optics(self):
        """`clusterphot.optics.pupil.OpticsConfig` of this field: one telescope for all filters."""
        rng = stream(self.seed, "optics")
        wfe, jitter, seed = rng.uniform(60, 95), rng.uniform(6, 10), int(rng.integers(2**31))
        wfe = wfe if self.wfe_nm is None else self.wfe_nm
        jitter = jitter if self.jitter_mas is None else self.jitter_mas
        return OpticsConfig(wfe_nm=float(wfe), jitter_mas=float(jitter), seed=seed)


def stream(seed, *names):
    """Random generator of one purpose: independent of all others, the same on every machine."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def pixel_scale_arcsec(filt):
    """Pixel of the mosaic of a filter: 0.02" in the short channel, 0.04" in the long one."""
    return MOSAIC_PIXEL_ARCSEC[channel(filt)]


def size_px(config, filt):
    """Pixels along a side; the long channel's are exactly 2x2 of the short one's."""
    blocks = round(config.size_arcsec / MOSAIC_PIXEL_ARCSEC["long"])
    return blocks * round(MOSAIC_PIXEL_ARCSEC["long"] / pixel_scale_arcsec(filt))


def field_wcs(config, filt):
    """TAN WCS of a filter's mosaic, north up, as its header states it."""
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    scale = pixel_scale_arcsec(filt) / 3600.0
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [config.ra, config.dec]
    wcs.wcs.crpix = [(size_px(config, filt) + 1) / 2] * 2
    wcs.wcs.cdelt = [-scale, scale]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.set()
    return wcs


def wcs_offset_px(config, filt):
    """Offset (dx, dy) in mosaic pixels of the light of a filter from where its WCS puts it."""
    if filt == config.reference_filter or config.wcs_offset_px == 0:
        return 0.0, 0.0
    rng = stream(config.seed, "wcs", filt)
    size, angle = config.wcs_offset_px * rng.uniform(0.25, 1.0), rng.uniform(0, 2 * np.pi)
    return float(size * np.cos(angle)), float(size * np.sin(angle))


# ---- drawing the objects -----------------------------------------------------------------------------------


def draw_scene(config, clusters):
    """Draw all objects of a field.

    Parameters
    ----------
    config : `FieldConfig`
    clusters : `astropy.table.Table`
        Star clusters: columns ``flux_<FILTER>`` (de-reddened, nJy); optional ``id``, ``ra``, ``dec`` (deg),
        kept when inside the field. Columns ``true_*`` (true age, mass) are carried into the truth.

    Returns
    -------
    truth : `astropy.table.Table`
        One row per object, see `_finish`; the configuration is in ``meta['simulation']``.
    """
    rows = _central_light(config)
    fixed = _fixed_clusters(config, clusters)
    rows += _members(config, rows, fixed)
    points = _clusters(config, clusters, fixed, rows)
    rows += _stars(config, rows, points)
    rows += _galaxies(config, rows, points)
    return _finish(config, rows, points)


def _row(kind, name, u, v, mag, colour, r_e=np.nan, n=np.nan, q=np.nan, pa=np.nan):
    """One object: tangent-plane position in arcsec (x to the west), magnitude in F200W, shape."""
    return {
        "kind": kind, "id": name, "u": float(u), "v": float(v),
        "mag": float(mag), "colour": np.asarray(colour),
        "r_e_arcsec": float(r_e), "sersic_n": float(n), "axis_ratio": float(q), "pa_deg": float(pa),
    }  # fmt: skip


def _central_light(config):
    """Brightest cluster galaxy and intracluster light."""
    dim = -2.5 * np.log10(config.halo)
    colour = np.zeros(2)
    return [
        _row("bcg", "BCG", 0, 0, colour=colour, **BCG | {"mag": BCG["mag"] + dim}),
        _row("icl", "ICL", 0, 0, colour=colour, **ICL | {"mag": ICL["mag"] + dim}),
    ]


def _fixed_clusters(config, clusters):
    """Tangent-plane positions (n, 2) of the table's rows; NaN for those to be placed."""
    position = np.full((len(clusters), 2), np.nan)
    if config.draw_clusters or not {"ra", "dec"} <= set(clusters.colnames):
        return position
    filt = config.reference_filter
    x, y = field_wcs(config, filt).all_world2pix(np.asarray(clusters["ra"]), np.asarray(clusters["dec"]), 0)
    middle = (size_px(config, filt) - 1) / 2
    position = np.stack([x - middle, y - middle], axis=1) * pixel_scale_arcsec(filt)
    position[np.abs(position).max(axis=1) > config.size_arcsec / 2 - EDGE_ARCSEC["cluster"]] = np.nan
    return position


def _distance(u, v, positions):
    """Distance to the nearest of ``positions`` (n, 2); infinite if there is none."""
    positions = positions[np.isfinite(positions).all(axis=1)] if len(positions) else positions
    return np.hypot(positions[:, 0] - u, positions[:, 1] - v).min() if len(positions) else np.inf


def _core_clearance(config, mag):
    """Distance in arcsec that star clusters keep from the centre of a member galaxy of this magnitude."""
    return config.core_clearance_arcsec * np.clip(
        1.0 + CLEARANCE_PER_MAG * (CLEARANCE_PIVOT_MAG - mag), 1.0, MAX_CLEARANCE
    )


def _members(config, rows, fixed):
    """Member galaxies, denser and brighter to the centre, none on top of a published cluster."""
    rng = stream(config.seed, "members")
    half = config.size_arcsec / 2
    wanted = (
        round(config.size_arcsec**2 / MEMBER_AREA_ARCSEC2) if config.n_members is None else config.n_members
    )
    members = []
    for _ in range(200 * wanted):
        if len(members) == wanted:
            break
        # Place: a surface density that falls as exp(-r / 8"). Brightness, size and shape: fainter ones are smaller
        # and flatter, with scatter.
        radius, angle = rng.gamma(2.0, 8.0), rng.uniform(0, 2 * np.pi)
        mag = 18.0 + 6.0 * rng.uniform() ** 0.6
        r_e = 0.65 * 10 ** (-0.11 * (mag - 18.0) + 0.12 * rng.normal())
        index = np.clip(3.2 - 0.3 * (mag - 18.0) + 0.4 * rng.normal(), 1.0, 3.5)
        q, pa, colour = rng.uniform(0.5, 1.0), rng.uniform(0, 180), rng.normal(size=2)
        u, v = radius * np.cos(angle), radius * np.sin(angle)
        others = np.array([[row["u"], row["v"]] for row in [*rows[:1], *members]])
        if (
            max(abs(u), abs(v)) > half - EDGE_ARCSEC["member"]
            or _distance(u, v, others) < 1.5
            or radius < 4.0
        ):
            continue
        if _distance(u, v, fixed) < _core_clearance(config, mag):
            continue
        members.append(_row("member", f"MEMBER_{len(members):03d}", u, v, mag, colour, r_e, index, q, pa))
    return members


def _clusters(config, clusters, fixed, galaxies):
    """Star clusters: table of id, u, v, listed position and the fluxes of the given table."""
    rng = stream(config.seed, "clusters")
    if config.draw_clusters:
        count = config.n_clusters or len(clusters)
        chosen = rng.integers(len(clusters), size=count)
        names = [c for c in clusters.colnames if c.startswith("flux_") and not c.startswith("flux_err")]
        common = np.exp(CLUSTER_SCATTER * rng.normal(size=count))
        drawn = Table(
            {c: clusters[c][chosen] * common * (1 + COLOUR_SCATTER * rng.normal(size=count)) for c in names}
        )
        drawn["id"] = [f"SIM_{i:04d}" for i in range(count)]
        fixed = np.full((count, 2), np.nan)
    else:
        outside = np.isnan(fixed[:, 0])
        chosen = np.sort(np.argsort(outside, kind="stable")[: config.n_clusters or None])
        drawn, fixed = clusters[chosen], fixed[chosen]
        if "id" not in drawn.colnames:
            drawn["id"] = [f"SIM_{i:04d}" for i in range(len(drawn))]
    listed = np.array(fixed)
    kept = np.isfinite(fixed[:, 0])
    cell = POSITION_ROUNDING_DEG * 3600 * np.array([np.cos(np.radians(config.dec)), 1.0])
    true = listed + cell * rng.uniform(-0.5, 0.5, size=listed.shape)
    _place_by_light(config, rng, galaxies, true)
    error = rng.normal(size=listed.shape) * config.list_error_mas * 1e-3
    listed[~kept] = (true + error)[~kept]
    drawn["u"], drawn["v"], drawn["u_listed"], drawn["v_listed"] = *true.T, *listed.T
    return drawn


def _place_by_light(config, rng, galaxies, position):
    """Fill the NaN rows of ``position``: along the intracluster light and around the members."""
    half = config.size_arcsec / 2 - EDGE_ARCSEC["cluster"]
    fluxes = [flux_from_mag_ab(row["mag"]) for row in galaxies]
    hosts = [row for row in galaxies if row["kind"] == "member" and row["mag"] < HOST_MAG]
    weights = np.array([flux_from_mag_ab(row["mag"]) ** 0.7 for row in hosts])
    members = [row for row in galaxies if row["kind"] == "member"]
    for i in np.flatnonzero(np.isnan(position[:, 0])):
        for _ in range(10000):
            if hosts and rng.uniform() < HOSTED_SHARE:
                # Around a member, chosen by its light: at three effective radii, roughly.
                host = hosts[int(np.searchsorted(np.cumsum(weights) / weights.sum(), rng.uniform()))]
                radius, angle = host["r_e_arcsec"] * rng.gamma(3.0, 0.8), rng.uniform(0, 2 * np.pi)
                u, v = host["u"] + radius * np.cos(angle), host["v"] + radius * np.sin(angle)
            else:
                # Along the intracluster light: a surface density of exp(-r / 5"), flattened like it.
                radius, angle = rng.gamma(2.0, 5.0), rng.uniform(0, 2 * np.pi)
                along, across = radius * np.cos(angle), 0.7 * radius * np.sin(angle)
                pa = np.radians(ICL["pa"])
                u, v = along * np.cos(pa) - across * np.sin(pa), along * np.sin(pa) + across * np.cos(pa)
            if max(abs(u), abs(v)) > half or _distance(u, v, position) < SEPARATION_ARCSEC:
                continue
            if any(np.hypot(u - m["u"], v - m["v"]) < _core_clearance(config, m["mag"]) for m in members):
                continue
            if surface_brightness(u, v, galaxies, fluxes) < MAX_SURFACE_BRIGHTNESS:
                position[i] = u, v
                break
        else:
            raise ValueError(f"no room for {len(position)} star clusters in {config.size_arcsec} arcsec")


def _stars(config, rows, clusters):
    """Stars of 18-28 mag, clear of each other and of bright light so that a PSF can be made."""
    rng = stream(config.seed, "stars")
    n_bright = round(config.n_stars / 4) if config.n_bright_stars is None else config.n_bright_stars
    n_faint = round(config.n_stars / 2)
    # Bright ones the rarer the brighter; those for the core within its limits; fainter ones that no PSF can use.
    mags = np.concatenate(
        [
            25.0 - 7.0 * rng.uniform(size=n_bright) ** 1.6,
            rng.uniform(25.05, 26.95, config.n_stars),
            rng.uniform(27.0, 28.0, n_faint),
        ]
    )
    points = np.stack([clusters["u"], clusters["v"]], axis=1)
    fluxes = [flux_from_mag_ab(row["mag"]) for row in rows]
    half = config.size_arcsec / 2 - EDGE_ARCSEC["star"]
    stars, taken = [], np.empty((0, 2))
    for mag in mags:
        colour = rng.normal(size=2)
        # Room for the wings, the more the brighter.
        clear = max(config.clearance_arcsec, 0.8) + 0.35 * max(0.0, 24.5 - mag)
        for _ in range(3000):
            u, v = rng.uniform(-half, half, size=2)
            near = _distance(u, v, points) < clear or _distance(u, v, taken) < min(1.2, clear)
            if not near and surface_brightness(u, v, rows, fluxes) < STAR_LIGHT:
                taken = np.vstack([taken, [u, v]])
                stars.append(_row("star", f"STAR_{len(stars):03d}", u, v, mag, colour))
                break
    return stars


def _galaxies(config, rows, clusters):
    """Background galaxies to 30.5 mag, some compact, some drawn out along arcs."""
    rng = stream(config.seed, "galaxies")
    half = config.size_arcsec / 2
    points = np.stack([clusters["u"], clusters["v"]], axis=1)
    stars = np.array([[r["u"], r["v"]] for r in rows if r["kind"] == "star" and r["mag"] < 27]).reshape(-1, 2)
    galaxies = []
    for _ in range(round(config.galaxies_per_arcsec2 * config.size_arcsec**2)):
        u, v = rng.uniform(-half, half, size=2)
        # Counts that rise towards faint magnitudes; sizes that fall with them, 0.16" at 26 mag, with scatter.
        mag = max(FAINTEST_GALAXY + np.log10(rng.uniform()) / COUNT_SLOPE, BRIGHTEST_GALAXY)
        r_e = np.clip(0.16 * 10 ** (-0.11 * (mag - 26) + 0.2 * rng.normal()), 0.02, 0.8)
        r_e = r_e if rng.uniform() > COMPACT_SHARE else rng.uniform(0.015, 0.05)
        index, q, pa = rng.uniform(0.7, 2.0), rng.uniform(0.35, 1.0), rng.uniform(0, 180)
        # Arcs: lensed galaxies outside the core, drawn out along circles about the cluster.
        if rng.uniform() < ARC_SHARE and mag < 28.5 and np.hypot(u, v) > 6:
            r_e, q, pa = min(4 * r_e, 1.5), 0.15, np.degrees(np.arctan2(v, u)) + 90.0
        colour = rng.normal(size=2)
        # As in a list chosen by eye: no galaxy on a star cluster, nor on a star that the PSF needs.
        clear = config.clearance_arcsec + min(2.0 * r_e, 0.8) if config.clearance_arcsec else 0.0
        if _distance(u, v, points) < clear or _distance(u, v, stars) < 0.5 + r_e:
            continue
        name = f"GALAXY_{len(galaxies):04d}"
        galaxies.append(_row("galaxy", name, u, v, mag, colour, r_e, index, q, pa))
    return galaxies


def _finish(config, rows, clusters):
    """Truth table: kind, id, true and listed position, shape; per filter flux0, flux, x, y, sb (light below).

    Fluxes of star clusters are those of the given table before extinction; the magnitudes of all others are
    meant as observed. Columns ``true_*`` of the given table are NaN for other objects.
    """
    n = len(clusters)
    u = np.concatenate([clusters["u"], [row["u"] for row in rows]])
    v = np.concatenate([clusters["v"], [row["v"] for row in rows]])
    truth = Table()
    truth["kind"] = ["cluster"] * n + [row["kind"] for row in rows]
    truth["id"] = [str(name) for name in clusters["id"]] + [row["id"] for row in rows]
    reference = field_wcs(config, config.reference_filter)
    scale, middle = (
        pixel_scale_arcsec(config.reference_filter),
        (size_px(config, config.reference_filter) - 1) / 2,
    )
    truth["ra"], truth["dec"] = reference.all_pix2world(u / scale + middle, v / scale + middle, 0)
    listed = np.stack([u, v], axis=1)
    listed[:n] = np.stack([clusters["u_listed"], clusters["v_listed"]], axis=1)
    ra, dec = reference.all_pix2world(*(listed / scale + middle).T, 0)
    truth["ra_listed"], truth["dec_listed"] = np.round(ra, 7), np.round(dec, 7)
    truth["u"], truth["v"] = u, v
    for name in ("r_e_arcsec", "sersic_n", "axis_ratio", "pa_deg"):
        truth[name] = [np.nan] * n + [row[name] for row in rows]
    extended = [row for row in rows if row["kind"] != "star"]
    for filt in config.filters:
        _add_filter(config, truth, filt, rows, clusters, extended)
    for name in clusters.colnames:
        if name.startswith("true_"):
            truth[name] = np.concatenate(
                [np.asarray(clusters[name], dtype=float), np.full(len(rows), np.nan)]
            )
    for name, (unit, _) in TRUTH_COLUMNS.items():
        truth[name].unit = unit or None
    truth.meta["simulation"] = config.to_dict()
    truth.meta["wcs_offset_px"] = {filt: list(wcs_offset_px(config, filt)) for filt in config.filters}
    truth.meta["extinction_mag"] = {filt: milky_way_extinction(filt, config.ebv) for filt in config.filters}
    return truth


def _add_filter(config, truth, filt, rows, clusters, extended):
    """Columns of one filter: flux0, flux (nJy), x, y (px, with the filter's offset), sb (nJy/arcsec2)."""
    dimming = 10 ** (-0.4 * milky_way_extinction(filt, config.ebv))
    flux = np.zeros(len(truth))
    flux[: len(clusters)] = cluster_fluxes(clusters, filt) * dimming
    for i, row in enumerate(rows, start=len(clusters)):
        flux[i] = flux_from_mag_ab(row["mag"]) * relative_flux(row["kind"], row["colour"][None], filt)[0]
    truth[f"flux0_{filt}"] = flux / dimming
    truth[f"flux_{filt}"] = flux
    (dx, dy), scale = wcs_offset_px(config, filt), pixel_scale_arcsec(filt)
    truth[f"x_{filt}"] = np.asarray(truth["u"]) / scale + (size_px(config, filt) - 1) / 2 + dx
    truth[f"y_{filt}"] = np.asarray(truth["v"]) / scale + (size_px(config, filt) - 1) / 2 + dy
    light = np.full(len(truth), np.nan)
    n = len(clusters)
    of_extended = flux[[n + i for i, row in enumerate(rows) if row["kind"] != "star"]]
    light[:n] = surface_brightness(
        np.asarray(truth["u"][:n]), np.asarray(truth["v"][:n]), extended, of_extended
    )
    truth[f"sb_{filt}"] = light
    for name, (unit, _) in TRUTH_FILTER_COLUMNS.items():
        truth[f"{name}_{filt}"].unit = unit


def source_list(truth):
    """Source list of the star clusters: columns id, ra, dec (listed positions, deg)."""
    rows = truth[truth["kind"] == "cluster"]
    return Table(
        {"id": rows["id"], "ra": np.asarray(rows["ra_listed"]), "dec": np.asarray(rows["dec_listed"])}
    )


def config_of(truth):
    """`FieldConfig` kept in the metadata of a truth table."""
    return FieldConfig(**truth.meta["simulation"])
