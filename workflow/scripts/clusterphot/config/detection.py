"""Sections ``detection`` and ``completeness``: finding star clusters, and how many are missed."""

from typing import Literal

from clusterphot.config.keys import key, section


@section
class BandKeys:
    """Images that are searched."""

    combined_filters: Literal["auto"] | tuple[str, ...] = key(
        "auto",
        "Filters of the combined significance and of the shapes; auto takes the reference filter and its neighbours.",
        min_items=1,
        unique=True,
    )
    relative_flux: dict[str, float] = key(
        {
            "F070W": 0.45, "F090W": 0.70, "F115W": 0.83, "F150W": 0.94,
            "F200W": 1.0, "F277W": 0.93, "F356W": 0.58, "F444W": 0.475,
        },
        "Flux density of a typical cluster by filter, in any unit; interpolated for other filters.",
        gt=0,
        le=1000000,
        min_names=1,
    )  # fmt: skip
    background: Literal["quadratic", "ring_median", "mesh"] = key(
        "quadratic",
        "quadratic has filters that are blind to quadratic light; ring_median and mesh are subtracted before.",
    )


@section
class SearchKeys:
    """How candidates are found."""

    threshold_sigma: float = key(5.0, "Combined significance of a candidate.", ge=2, le=100)
    n_passes: int = key(2, "Searches, each on the residual of those before.", ge=1, le=5)
    separation_arcsec: float = key(0.08, "Distance (arcsec) within which candidates are one.", ge=0.02, le=1)
    psf_error: float = key(
        0.03, "Share of the light of subtracted neighbours that counts as noise.", ge=0, le=0.5
    )


@section
class SelectionKeys:
    """Cuts by which candidates are taken for star clusters."""

    min_snr_reference: float = key(3.0, "Significance in the reference filter.", ge=0, le=100)
    band_rule: Literal["combined", "two_bands"] = key(
        "combined",
        "Combined significance of the other filters, or with two_bands that of two of them each by itself.",
    )
    min_snr_others: float = key(
        4.0, "Significance of the other filters together (band_rule: combined).", ge=0, le=100
    )
    min_snr_band: float = key(
        3.0, "Significance of each of two other filters (band_rule: two_bands).", ge=0, le=100
    )
    mag_min: float = key(26.0, "Bright end (AB mag in the reference filter) of clusters.", ge=10, le=35)
    mag_max: float = key(30.5, "Faint end (AB mag).", ge=10, le=35)
    max_extent_sigma: float = key(
        3.0,
        "Size beyond that of the field's stars over its error: what is more extended is rejected.",
        ge=0,
        le=100,
    )
    min_extent_mas2: float = key(20.0, "Sizes (mas2) below this are never called extended.", ge=0, le=10000)
    max_sharp_sigma: float = key(5.0, "Size below that of the field's stars over its error.", ge=0, le=100)
    max_elongation_sigma: float = key(3.5, "Elongation over its error.", ge=0, le=100)
    max_surface_brightness: float = key(
        16000.0,
        "Light (nJy/arcsec2) of galaxies in the reference filter above which nothing is searched.",
        gt=0,
    )
    max_missing: float = key(0.2, "Largest share of bad pixels around a source.", ge=0, le=1)
    colour_box: dict[str, tuple[float, float]] = key(
        {}, "Allowed range (AB mag) of colours A-B of two filters, for example {F150W-F200W: [-0.5, 0.8]}."
    )


@section
class TileKeys:
    """How a search is dealt into jobs."""

    tile_px: int = key(
        1024,
        "Side (px of the reference filter) of the boxes that are searched one by one; a multiple of 16.",
        ge=256,
        le=8192,
        multiple_of=16,
    )
    n_tiles: int = key(2, "Jobs that share the boxes of a field; results do not depend on it.", ge=1, le=1000)


@section
class DetectionSection(TileKeys, SelectionKeys, SearchKeys, BandKeys):
    """Finding star clusters (targets candidates and completeness); results/{field}/candidates.ecsv and selected.csv."""

    control_region: Literal["auto"] | tuple[float, float, float] = key(
        "auto",
        "Where no clusters are, so that all sources there are contaminants - R.A., Decl. (deg) and radius (arcsec); "
        "auto declares no such place and tells contaminants by the light of galaxies alone.",
    )


@section
class InjectionKeys:
    """What is put into the images in one job."""

    n_per_run: int = key(250, "Artificial clusters of one job.", ge=20, le=5000)
    seed: int = key(1, "Seed of positions and magnitudes.", ge=0)
    mag_range: tuple[float, float] = key(
        (26.5, 31.0), "Magnitudes (AB in the reference filter) of artificial clusters.", ge=15, le=40
    )
    colour_scatter: float = key(
        0.2, "Scatter of ln flux in the other filters around detection.relative_flux.", ge=0, le=2
    )
    light_exponent: float = key(
        1.0,
        "Exponent of the light of galaxies in the density of positions: 0 uniform, 1 proportional.",
        ge=0,
        le=3,
    )
    clearance_arcsec: float = key(
        0.25, "Distance (arcsec) of artificial clusters from everything found.", ge=0, le=5
    )


@section
class PopulationKeys:
    """Populations and radii of the artificial clusters whose masses are known, in turns."""

    ages_gyr: tuple[float, ...] = key(
        (0.5, 2.0, 8.0),
        "Ages (Gyr) of artificial clusters of known mass; the nearest ones of the fiducial grid.",
        gt=0,
        le=20,
        min_items=1,
        unique=True,
    )
    metallicities_zsun: tuple[float, ...] = key(
        (0.2,),
        "Their metallicities in solar units of the grid; the nearest ones of the fiducial grid.",
        gt=0,
        le=10,
        min_items=1,
        unique=True,
    )
    sizes_pc: tuple[float, ...] = key(
        (0.0, 10.0, 30.0, 100.0),
        "Their half-light radii (pc, Plummer profiles); 0 is a point.",
        ge=0,
        le=1000,
        min_items=1,
        unique=True,
    )


@section
class CompletenessSection(PopulationKeys, InjectionKeys):
    """Completeness of the search from artificial clusters in the real images; results/{field}/completeness/."""

    n_injections: int = key(
        1000, "Artificial clusters; more of them add to those that exist.", ge=50, le=1000000
    )
    n_of_mass: int = key(
        1000,
        "Artificial clusters of known mass, for completeness against mass, age and radius; more of them add to those "
        "that exist. With 0 there is none.",
        ge=0,
        le=1000000,
    )
