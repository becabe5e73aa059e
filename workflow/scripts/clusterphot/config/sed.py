"""Section ``sed``: fits of stellar populations."""

from typing import Literal

from clusterphot.config.keys import key, section


@section
class AgeSteps:
    """Ages from min to max in steps, or a list of ages."""

    min: float = key(0.5, "youngest age (Gyr)", ge=0.001, le=14)
    max: float = key(11.0, "oldest age (Gyr)", ge=0.001, le=14)
    step: float = key(0.5, "step (Gyr)", ge=0.001, le=14)
    n_log: int = key(None, "number of ages, in equal steps of log age (in place of step)", ge=2, le=5000)
    ages: tuple[float, ...] = key(
        None,
        "the ages themselves, rising, in place of all else (Gyr)",
        ge=0.001,
        le=14,
        min_items=2,
        unique=True,
    )


@section
class AgeEnds:
    """Ends of the prior of age."""

    min: float = key(0.5, "youngest age (Gyr)", ge=0.0001, le=20)
    max: float = key(11.0, "oldest age (Gyr)", ge=0.0001, le=20)


@section
class MetallicityEnds:
    """Ends of the prior of metallicity."""

    min: float = key(0.005, "lowest metallicity (solar units)", gt=0, le=10)
    max: float = key(2.5, "highest metallicity (solar units)", gt=0, le=10)


@section
class PriorKeys:
    """Shapes of the priors."""

    age_prior: Literal["uniform", "log-uniform"] = key(
        "log-uniform", "Prior of age: uniform (in Gyr) or log-uniform."
    )
    metallicity_prior: Literal["uniform", "log-uniform"] = key(
        "log-uniform", "Prior of metallicity: uniform or log-uniform."
    )
    mass_prior: Literal["log-uniform", "gaussian"] = key(
        "log-uniform", "Prior of the surviving mass: log-uniform, or gaussian in mass, cut at zero."
    )
    mass_min_msun: float = key(1e4, "Lower end (Msun) of the log-uniform prior.", gt=0)
    mass_max_msun: float = key(1e9, "Upper end (Msun) of the log-uniform prior.", gt=0)
    mass_mean_msun: float = key(0.0, "Mean (Msun) of the gaussian prior.", ge=0)
    mass_sigma_msun: float = key(1e8, "Width (Msun) of the gaussian prior.", gt=0)


@section
class GridSteps:
    """Steps of the fine grid, interpolated between the library's nodes."""

    step_log_age_dex: float = key(0.03, "Largest step of the fine grid in log age (dex).", ge=0.005, le=0.03)
    step_log_metallicity_dex: float = key(
        0.05, "Largest step of the fine grid in log metallicity (dex).", ge=0.005, le=0.05
    )


@section
class PosteriorSection(GridSteps, PriorKeys):
    """Posteriors of age, metallicity and mass, on a fine grid interpolated between the library's nodes."""

    age_gyr: AgeEnds = key(
        AgeEnds, "Ends of the prior of age (Gyr); where a library does not reach, its own end."
    )
    age_of_universe: Literal["bound", "none"] = key(
        "bound", "bound ends ages at the age of the Universe at the redshift; none does not."
    )
    metallicity_zsun: MetallicityEnds = key(
        MetallicityEnds,
        "Ends of the prior of metallicity in solar units of the grid; where a library does not reach, its own end.",
    )
    zero_point_error: float = key(
        0.02, "Fractional zero-point error of each filter whose mosaic names none.", ge=0, le=0.5
    )
    ebv_relative_error: float = key(
        0.16, "Relative error of E(B-V) (Schlegel, Finkbeiner & Davis 1998).", ge=0, le=1
    )
    av_mag: tuple[float, ...] = key(
        (0.0,),
        "Extra dust of the cluster itself - values of A_V (mag) of equal prior probability.",
        ge=0,
        le=5,
        min_items=1,
        max_items=10,
        unique=True,
    )
    jitter: Literal["none", "multiply", "add"] = key(
        "multiply",
        "Underestimated errors - none; a factor of all (multiply); a fraction of the flux (add).",
    )
    jitter_levels: tuple[float, ...] = key(
        (1.0, 1.4, 2.0, 2.8, 4.0),
        "Factors (multiply, above 0) or fractions (add), of equal prior probability.",
        ge=0,
        le=100,
        min_items=1,
        max_items=50,
        unique=True,
    )


@section
class SedComparisonSection:
    """The stack with every grid of `grids`, and what moves its answer."""

    zero_point_errors: tuple[float, ...] = key(
        (0.0, 0.02, 0.05),
        "Fractional errors of all zero points that are tried beside those of the field.",
        ge=0,
        le=0.5,
        min_items=1,
        unique=True,
    )


@section
class RobustnessKeys:
    """What is concluded from the stack, and what is changed to see whether it stands."""

    metallicity_below_zsun: float = key(
        0.2, "Statement: metallicity below this (solar units of the fiducial grid).", gt=0, le=10
    )
    metallicity_above_zsun: float = key(
        1.0, "Statement: metallicity above this (solar units of the fiducial grid).", gt=0, le=10
    )
    older_than_gyr: float = key(5.0, "Statement: older than this (Gyr).", gt=0, le=20)
    level: float = key(
        0.95, "Probability from which a statement is so; below one less this it is not so.", gt=0.5, lt=1
    )
    psf_broader_by: float = key(0.05, "Change: sources broader than the PSF by this fraction.", ge=0, le=0.5)
    zero_point_step: float = key(
        0.05, "Change: zero point of each filter by this fraction, up and down.", gt=0, le=0.5
    )
    contaminants: float = key(0.1, "Change: this fraction of the light is not of clusters.", gt=0, le=0.5)
    hidden_neighbours: float = key(
        0.1, "Change: so many unseen neighbours a cluster, as bright, within 0.15 arcsec.", ge=0, le=2
    )


@section
class SedSection:
    """Fits of stellar populations."""

    fiducial_grid: str = key("bc03", "Grid behind tables and figures; one of sed.grids.")
    grids: tuple[str, ...] = key(("bc03",), "Grids to fit; names of ssp_grids.", min_items=1, unique=True)
    age_gyr: AgeSteps = key(
        AgeSteps,
        "Ages of the models of best fits, from min to max (Gyr) in steps of step (Gyr); {min, max, n_log} or a list of "
        "ages too. Those of posteriors are posterior.age_gyr.",
    )
    metallicity_zsun: tuple[float, ...] = key(
        (0.005, 0.02, 0.2, 0.4, 1.0, 2.5),
        "Metallicities of the models of best fits in solar units of the grid; nodes of the grid. Those of posteriors "
        "are posterior.metallicity_zsun.",
        gt=0,
        le=5,
        min_items=1,
        unique=True,
    )
    redshift_step: float = key(
        0.01,
        "Redshifts of single sources (column redshift of the list) that differ by no more than this are fitted "
        "together, each at most half a step off its own.",
        ge=0,
        le=0.2,
    )
    flux_floor_fraction: float = key(
        0.0,
        "Fraction of the flux added in quadrature to each flux error, for best fits and posteriors.",
        ge=0,
        le=0.5,
    )
    min_relative_error: float = key(
        0.001,
        "A flux error at or below this fraction of the flux is replaced by the median error of the source's other "
        "bands, and the row is flagged ERROR_REPLACED.",
        gt=0,
        le=0.1,
    )
    dominated_weight_fraction: float = key(
        0.9,
        "A source with more than this share of its weight in one band is flagged DOMINATED.",
        ge=0.34,
        le=1,
    )
    v_filter: str = key(
        "auto", "Filter whose flux stands for rest-frame V; auto takes the one nearest to 5500 A x (1 + z)."
    )
    mass_convention: Literal["vband", "faisst2022"] = key(
        "vband", "vband counts L_V in V-band Suns; faisst2022 is nu L_nu / (1 + z) in bolometric Suns."
    )
    four_color_dir: str | None = key(
        None, "Folder of GALAXEV .4color files as source of M/L_V; null takes the grid's own."
    )
    posterior: PosteriorSection = key(
        PosteriorSection, "Posteriors of age, metallicity and mass on a fine grid."
    )
    rest_frame_filters: tuple[str, ...] = key(
        ("bessell_B", "bessell_V", "bessell_I"),
        "Filters of rest-frame absolute magnitudes and K-corrections; any name of astro-sedpy within all grids.",
        min_items=1,
        unique=True,
    )
    comparison: SedComparisonSection = key(
        SedComparisonSection, "The stack with every grid of sed.grids, and what moves its answer."
    )
    robustness: RobustnessKeys = key(
        RobustnessKeys, "Which conclusions about the stack survive which change."
    )
