"""Section ``luminosity``: luminosity function, colours and distribution of the clusters found."""

from typing import Literal

from clusterphot.config.keys import key, section


@section
class FunctionKeys:
    """Fit of the luminosity function."""

    turnover_range: Literal["auto"] | tuple[float, float] = key(
        "auto",
        "Range (AB mag) of the turnover; auto from the brightest source to 5 mag beyond the 50 % limit.",
        ge=15,
        le=45,
    )
    width_range: tuple[float, float] = key(
        (0.3, 3.0), "Range (mag) of the width, flat in its log; equal ends fix it.", ge=0.1, le=10
    )
    fall: float = key(
        9.0,
        "Fall of 2 ln L to the best function without a turnover for one to count as seen.",
        ge=0,
        le=1000,
    )
    reach: float = key(
        0.5,
        "Mean completeness down to which a turnover can be seen: it must be brighter, at 95 %.",
        gt=0,
        le=0.9,
    )
    n_completeness_draws: int = key(
        16, "Resamplings of the artificial clusters over which the posterior is averaged.", ge=0, le=1000
    )
    bin_mag: float = key(0.25, "Bins (mag) of tables and figures; the fit has no bins.", ge=0.05, le=2)
    mag_limit: Literal["auto"] | float = key(
        "auto", "Limit (AB mag) of numbers and densities; auto for 50 % completeness.", ge=15, le=45
    )
    seed: int = key(1, "Seed of the draws.", ge=0)


@section
class BinningKeys:
    """Bins of the distribution on the sky."""

    n_radial_bins: int = key(8, "Annuli of about equal counts.", ge=1, le=200)
    smoothing_arcsec: float = key(3.0, "Sigma (arcsec) of the density map.", gt=0, le=600)


@section
class OldClusterKeys:
    """Globular clusters by whose luminosity function numbers are completed."""

    age_today_gyr: float = key(
        12.5, "Age (Gyr) that the clusters have today; their turnover is carried back from it.", ge=1, le=13.7
    )
    age_err_gyr: float = key(0.8, "Its error (Gyr).", ge=0, le=5)
    metallicity_zsun: float = key(0.1, "Their metallicity (solar).", gt=0, le=5)
    metallicity_err_dex: float = key(0.3, "Its error (dex).", ge=0, le=2)


@section
class LuminositySection(BinningKeys, FunctionKeys, OldClusterKeys):
    """Luminosity function, colours and distribution of the clusters found; target luminosity."""

    use_purity: bool = key(True, "Whether a source counts by its p_cluster.")
    colours: Literal["auto"] | tuple[str, ...] = key(
        "auto",
        "Colours A-B of two filters, for example [F090W-F200W]; auto takes neighbours in wavelength.",
        unique=True,
        pattern="^[A-Za-z0-9_]+-[A-Za-z0-9_]+$",
    )
    centres: dict[str, tuple[float, float]] = key(
        {},
        "Centre of the radial profile by field, R.A. and Decl. (deg), {my_cluster: [ra, dec]}; else the peak of the "
        "light.",
        ge=-90,
        le=360,
    )
    apertures_kpc: tuple[float, ...] = key(
        (30.0, 100.0),
        "Radii (kpc) around the centre within which clusters are counted and light is summed; the light within the "
        "first is that of the brightest galaxy, whose luminosity function may follow from it.",
        min_items=1,
        unique=True,
        gt=0,
        le=3000,
    )
    turnovers: dict[str, tuple[float, float]] = key(
        {},
        "Turnover of the luminosity function and its error (AB mag in the reference filter, as observed) by field, "
        "beside those that are expected, {my_cluster: [31.2, 0.2]}.",
        ge=0,
        le=45,
    )
    halo_masses: dict[str, tuple[float, float]] = key(
        {},
        "log10 of the mass (Msun) of the cluster's halo and its error (dex) by field, {my_cluster: [14.9, 0.1]}; the "
        "numbers of clusters are then drawn against it.",
        ge=0,
        le=17,
    )
    map_smoothings_arcsec: tuple[float, ...] = key(
        (0.5, 1.0, 2.0, 4.0, 8.0),
        "Smoothings (sigma, arcsec) of maps that are tried beside none.",
        unique=True,
        gt=0,
        le=300,
    )
    compare_maps: dict[str, tuple[str, ...]] = key(
        {}, "FITS maps of light or mass by field, {my_cluster: [lensing.fits]}.", min_items=1, unique=True
    )
