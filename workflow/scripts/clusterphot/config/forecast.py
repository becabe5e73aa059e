"""Section ``forecast``: which extra filters would pin the age of a cluster."""

from clusterphot.config.keys import key, section


@section
class ForecastSection:
    """Which extra filters would pin the age of a cluster; target forecast."""

    grid: str = key("bc03", "Grid of the models; a name of ssp_grids.")
    redshift: float = key(0.39, "Redshift of the cluster.", gt=0, le=20)
    ebv: float = key(0.18, "Milky Way E(B-V) (mag); its error counts.", ge=0, le=5)
    age_gyr: float = key(1.5, "True age (Gyr).", gt=0, le=14)
    metallicity_zsun: float = key(0.2, "True metallicity in solar units of the grid.", gt=0, le=10)
    log_mass: float = key(7.0, "True surviving mass (log10 Msun).", ge=2, le=12)
    baseline: tuple[str, ...] = key(
        ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W"),
        "Filters that are there anyway.",
        min_items=1,
        unique=True,
    )
    extra: tuple[str, ...] = key(
        (
            "F070W", "F115W", "F140M", "F162M", "F182M", "F210M", "F335M", "F410M",
            "wfc3_uvis_f336w", "acs_wfc_f435w", "acs_wfc_f606w", "acs_wfc_f814w",
        ),
        "Filters to choose from.",
        min_items=1,
        unique=True,
    )  # fmt: skip
    depths_mag: dict[str, float] = key(
        {
            "F090W": 29.5, "F150W": 29.5, "F200W": 29.5, "F277W": 29.5, "F356W": 29.5, "F444W": 29.5,
            "F070W": 29.5, "F115W": 29.5, "F140M": 29.0, "F162M": 29.0, "F182M": 29.0, "F210M": 29.0,
            "F335M": 29.0, "F410M": 29.0,
            "wfc3_uvis_f336w": 28.5, "acs_wfc_f435w": 28.5, "acs_wfc_f606w": 28.5, "acs_wfc_f814w": 28.5,
        },
        "Depth (5 sigma, AB mag, point source) of each of these filters.",
        ge=15,
        le=40,
    )  # fmt: skip
    n_extra: int = key(1, "Largest number of extra filters taken together.", ge=1, le=3)
    n_realisations: int = key(64, "Draws of noise and calibration errors; 0 draws none.", ge=0, le=10000)
    seed: int = key(1, "Seed of these draws.", ge=0)
