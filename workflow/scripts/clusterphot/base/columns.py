"""The dictionary of columns: unit and description of every column the workflow writes, defined once.

Tables of results are described by `describe_column` when `clusterphot.base.tables` writes them. Those of intermediate
files (stars and offsets, tables in psf.fits and stack.fits, the truth of a simulation) have dictionaries of their own
at the end, since words such as x and flux mean something else in each. Names with a filter or a sigma level are
patterns. Units are those of `astropy.units`; fluxes nJy.
"""

import re

FILTER = "(?P<filter>(?!err_|conditional_|marginal_|sys_)[A-Za-z0-9_]+)"
ERROR_KINDS = ("conditional_", "marginal_", "phase_", "sys_")
"""Of the columns flux_err_<kind>F: errors that stand beside flux_err_F."""

NAMES = {
    "age_gyr": "age",
    "metallicity_zsun": "metallicity",
    "log_mass": "log10 of the surviving mass",
    "ml_v": "surviving mass over V luminosity",
    "lookback_gyr": "lookback time of formation",
    "z_form": "redshift of formation",
}
QUANTILES = {"p025": "2.5 %", "p16": "16 %", "p50": "50 %", "p84": "84 %", "p975": "97.5 %"}

COLUMNS = {
    "id": ("", "identifier, as given in the source list"),
    "ra": ("deg", "right ascension, ICRS"),
    "dec": ("deg", "declination, ICRS"),
    "flags": ("", "quality bits, 0 is clean; the dictionary of bits is in the metadata"),
    "n_bands": ("", "bands used in the SED fit"),
    "age_gyr": ("Gyr", "age of the best-fitting model"),
    "metallicity_zsun": ("", "metallicity of the best-fitting model in solar units of the grid"),
    "chi2": ("", "chi-square of the best fit"),
    "dof": ("", "degrees of freedom: bands used less age, metallicity and normalisation"),
    "mass_formed": ("solMass", "stellar mass formed"),
    "mass_remaining": (
        "solMass",
        "stellar mass surviving today, remnants included where the grid knows them",
    ),
    "ml_v": ("solMass / solLum", "surviving mass over V luminosity of the best-fitting model"),
    "lum_v_lsun": ("solLum", "V luminosity in the convention named in the metadata"),
    "log_mass": ("dex(solMass)", "log10 of the surviving mass"),
    "log_mass_err": (
        "dex",
        "half the 1-sigma range of log_mass: flux error of the V filter and the range of M/L_V",
    ),
    "log_mass_formed": ("dex(solMass)", "log10 of the mass formed"),
    "log_mass_sed": (
        "dex(solMass)",
        "log10 of the surviving mass from the normalisation of the SED fit to all bands",
    ),
    "log_mass_sed_err": (
        "dex",
        "half the 1-sigma range of log_mass_sed over normalisation, age and metallicity",
    ),
    "redshift": ("", "redshift at which the source is fitted"),
    "at_field_redshift": (
        "",
        "True for sources at the redshift of the field; the others are left out of stacks and of samples",
    ),
    "filter": ("", "filter"),
    "wave_pivot": ("Angstrom", "pivot wavelength of the filter"),
    "extinction_mag": ("mag", "Milky Way extinction A integrated through the filter"),
    "is_stack": ("", "True for the stack of all sources"),
    "is_target": ("", "True for the source asked for, False for a neighbour fitted with it"),
    "target_id": ("", "identifier of the source whose cutout was fitted"),
    "quantity": ("", "what is compared with the truth; see the metadata"),
    "band": ("", "filter, or the two filters of a colour, bluer first"),
    "binned_by": ("", "all, flagged, or the quantity of bin_low and bin_high; see the metadata"),
    "bin_low": ("", "lower end of the bin, in the unit named in the metadata"),
    "bin_high": ("", "upper end of the bin, in the unit named in the metadata"),
    "n": ("", "sources compared"),
    "n_flagged": ("", "sources of the bin left out because of a flag"),
    "median_pull": ("", "median of measured less true over the 1-sigma error"),
    "pull_scatter": ("", "scatter of the pulls, 1.4826 times the median absolute deviation"),
    "beyond_5_sigma": ("", "fraction of pulls beyond 5"),
    "flagged_fraction": ("", "fraction of the sources of the bin that are flagged"),
    "bias": ("", "median of measured less true, in the unit named in the metadata"),
    "bias_err": ("", "1-sigma error of bias"),
    "sys_error": ("", "quoted 1-sigma systematic error, in the unit of bias"),
    "dx_px": ("pix", "median of fitted less true x"),
    "dy_px": ("pix", "median of fitted less true y"),
    "flags_sed": ("", "quality bits of the SED fit"),
    "flags_photometry": ("", "quality bits of the photometry, of all filters together"),
    "flags_sizes": ("", "quality bits of the size"),
    "true_age_gyr": ("Gyr", "true age; see the metadata"),
    "true_metallicity_zsun": ("", "true metallicity in solar units of the grid; see the metadata"),
    "true_log_mass": ("dex(solMass)", "log10 of the true surviving mass; see the metadata"),
    "position_mode": ("", "tied to the position in the reference filter, or free"),
    "reference_engine": ("", "engine that it is compared with"),
    "engine_flux": ("nJy", "flux density by the engine compared"),
    "reference_flux": ("nJy", "flux density by the reference engine"),
    "reference_flux_err": ("nJy", "1-sigma random error of reference_flux, by the reference engine"),
    "reference_snr": ("", "reference_flux over reference_flux_err"),
    "difference_sigma": ("", "engine_flux less reference_flux, over reference_flux_err"),
    "difference_percent": ("%", "engine_flux less reference_flux, over reference_flux"),
    "shift_x_px": ("pix", "x by the engine compared less that by the reference engine"),
    "shift_y_px": ("pix", "y by the engine compared less that by the reference engine"),
    "at_bound": ("", "True where the engine compared ended on the bound of the position"),
    "reference_at_bound": ("", "True where the reference engine ended on the bound of the position"),
    "n_at_bound": ("", "sources that either engine left on the bound of the position"),
    "bound_disagreement": ("", "fraction of the fits that only one of the engines left on the bound"),
    "median_abs_sigma": ("", "median of |difference_sigma|, fits on no bound"),
    "p95_abs_sigma": ("", "95th percentile of |difference_sigma|, fits on no bound"),
    "median_percent": ("%", "median of difference_percent, fits on no bound and S/N above 5"),
    "p95_abs_percent": ("%", "95th percentile of |difference_percent|, fits on no bound and S/N above 5"),
    "p95_shift_px": ("pix", "95th percentile of the larger of |shift_x_px|, |shift_y_px|, fits on no bound"),
    "time_ms": ("ms", "processor time per source of the engine compared, set-up of a chunk included"),
    "reference_time_ms": ("ms", "processor time per source of the reference engine, set-up included"),
    "time_ratio": ("", "time_ms over reference_time_ms"),
    "flux_size": ("nJy", "flux density of the best-fitting extended source in the filter of the sizes"),
    "snr_size": ("", "flux over its error by pixel noise in the filter of the sizes"),
    "radius_pc": ("pc", "best-fitting half-light radius"),
    "radius_limit_pc": (
        "pc",
        "upper limit of the half-light radius with the PSF's width uncertain; inf: none within the radii tried",
    ),
    "radius_limit_psf_known_pc": ("pc", "upper limit of the half-light radius were the PSF known exactly"),
    "rise_compact": ("", "chi-square of the best compact source above that of the best radius"),
    "rise_compact_psf_known": ("", "rise_compact were the PSF known exactly"),
    "chi2_size": ("", "chi-square of the best radius; degrees of freedom in the metadata"),
    "resolved": ("", "True where all compact radii are excluded (sizes.compact_pc, sizes.resolved_sigma)"),
    "true_radius_pc": ("pc", "half-light radius put in; NaN: random radii"),
    "n_trials": ("", "simulated sources"),
    "p_resolved": ("", "fraction called resolved"),
    "limit_median_pc": ("pc", "median of the upper limits"),
    "coverage": ("", "fraction of the upper limits not below the true radius"),
    "radius_arcsec": ("arcsec", "mean distance of the pixels from the centre"),
    "n_pixels": ("", "pixels averaged"),
    "intensity": ("nJy / arcsec2", "azimuthal mean of the stack less the fitted sky"),
    "intensity_err": (
        "nJy / arcsec2",
        "1-sigma error of the shape of intensity: bootstrap over sources, scaled to the same flux",
    ),
    "intensity_psf": ("nJy / arcsec2", "the same of the PSF, scaled to the fitted flux"),
    "p_cluster": ("", "probability of being a star cluster of the field"),
    "p_galaxy": ("", "probability of being a background galaxy"),
    "p_star": ("", "probability of being a star of the Milky Way"),
    "p_cluster_err": ("", "jackknife error of p_cluster over the rows of the control sample"),
    "log_ratio_cluster": (
        "",
        "natural log of the density as a cluster over that as a field object, without prior shares",
    ),
    "is_control": ("", "True for the sources in the control region"),
    "mag_low": ("mag", "bright end of the bin, AB without Milky Way dust"),
    "mag_high": ("mag", "faint end of the bin, AB without Milky Way dust"),
    "n_stars": ("", "stars expected in the area of the field"),
    "n_thin_disc": ("", "those of the thin disc"),
    "n_thick_disc": ("", "those of the thick disc"),
    "n_halo": ("", "those of the halo"),
    "n_bulge": ("", "those of the bulge"),
    "n_m_dwarfs": ("", "M dwarfs among the stars"),
    "n_l_dwarfs": ("", "L dwarfs among the stars"),
    "n_t_dwarfs": ("", "T dwarfs among the stars"),
    "temperature_k": ("K", "temperature of the black body"),
    "is_best": ("", "True for the best of all temperatures, with temperature_lo_k and temperature_hi_k"),
    "temperature_lo_k": (
        "K",
        "lower end of the range within a rise of chi-square by 1; NaN for a fixed temperature",
    ),
    "temperature_hi_k": ("K", "upper end of that range"),
    "mag": ("mag", "AB magnitude, as observed"),
    "flux_njy": ("nJy", "flux density within the aperture, as observed"),
    "flux_err_njy": ("nJy", "1-sigma error of flux_njy from the scatter around the rings"),
    "covered": ("", "fraction of the aperture with good pixels"),
    "measure": ("", "what the row gives"),
    "value": ("", "its value: solar units, magnitudes (Vega) or numbers, as the name says"),
    "value_lo": ("", "lower 1-sigma end, or lower end of the range"),
    "value_hi": ("", "upper 1-sigma end, or upper end of the range"),
    "log_mass_galaxy": ("dex(solMass)", "log10 of the stellar mass, from the catalogue"),
    "radius_kpc": ("kpc", "half-light radius, from the catalogue"),
    "is_quiescent": ("", "1 for quiescent, 0 for star-forming galaxies, -1 where not known"),
    "p_age_edge": ("", "posterior probability that the age is within 0.05 dex of an end of the prior"),
    "log_evidence": ("", "natural log of the evidence of the library, over all nuisances of the posterior"),
    "intrinsic_log_mass": ("dex(solMass)", "log10 of the surviving mass without the lens, see log_mass"),
    "intrinsic_log_mass_err": ("dex", "log_mass_err: without the error of the magnification"),
    "intrinsic_log_mass_err_lensing": (
        "dex",
        "1-sigma error of intrinsic masses by the magnification alone: its fractional error over ln 10",
    ),
    "intrinsic_lum_v_lsun": ("solLum", "V luminosity without the lens, see lum_v_lsun"),
    "intrinsic_radius_pc": (
        "pc",
        "best-fitting half-light radius without the lens; see assumed in the metadata",
    ),
    "intrinsic_radius_limit_pc": (
        "pc",
        "upper limit of the half-light radius without the lens, see radius_limit_pc",
    ),
    "intrinsic_radius_err_lensing_pc": (
        "pc",
        "1-sigma error of intrinsic_radius_pc by the magnification alone",
    ),
    "ssp_grid": ("", "name of the library in the configuration"),
    "ssp_reader": ("", "reader of the library"),
    "ssp_library": ("", "spectra of the library"),
    "ssp_tracks": ("", "stellar evolution of the library"),
    "ssp_imf": ("", "initial mass function of the library"),
    "ssp_z_sun": ("", "metal fraction that counts as solar in the library"),
    "ssp_has_remnants": ("", "whether surviving masses of the library include stellar remnants"),
    "error_model": (
        "",
        "configured: errors of the configuration and the field; zero_points: random errors and zero_point_error alone",
    ),
    "delta_log_evidence": ("", "log_evidence less the highest among the libraries with the same errors"),
    "axis": ("", "quantity of axis_value: age_gyr or metallicity_zsun"),
    "axis_value": ("", "age in Gyr or metallicity in solar units of the library"),
    "density_per_dex": ("", "posterior density per dex at axis_value; 1 for a single metallicity"),
    "varied": ("", "what was changed against the first row, the baseline"),
    "varied_in": ("", "filter, prior or library that was changed, or changed to"),
    "varied_by": (
        "",
        "fraction (zero_point, psf_broader, ...), factor (errors), mag (ebv) or Gyr (age_range)",
    ),
    "best_age_gyr": ("Gyr", "age of the best-fitting model of the fine grid"),
    "best_metallicity_zsun": ("", "metallicity of the best-fitting model of the fine grid in solar units"),
    "best_log_mass": (
        "dex(solMass)",
        "log10 of the surviving mass of the best-fitting model of the fine grid",
    ),
    "best_chi2": ("", "chi-square of the best fit on the fine grid"),
    "x_px": ("pix", "x in the mosaic of the reference filter, 0-based"),
    "y_px": ("pix", "y in the mosaic of the reference filter, 0-based"),
    "p_detection": ("", "probability of a flux above 3 sigma in the reference filter, given flux and error"),
    "field": ("", "name of the field"),
    "section": ("", "where in Faisst et al. (2022) the number is given"),
    "number": ("", "what the number is"),
    "unit_of_number": ("", "unit of the numbers of the row"),
    "paper_kind": ("", "what the paper gives: value, range, or a limit: below, above"),
    "paper_low": ("", "lower end of the paper's 1-sigma interval or range, or its lower limit"),
    "paper_value": ("", "value of the paper"),
    "paper_high": ("", "upper end of the paper's 1-sigma interval or range, or its upper limit"),
    "paper_rounding": ("", "unit of the last digit that the paper gives"),
    "paper_checked": ("", "True where the number was compared with the abstract or the tables of the paper"),
    "our_low": ("", "lower end of the 1-sigma interval of our_value; NaN for a number without error"),
    "our_value": ("", "the same number for the field"),
    "our_high": ("", "upper end of the 1-sigma interval of our_value"),
    "sigma_from_paper": (
        "",
        "our_value less the paper's over the errors of both and the paper's rounding; 0 within a range or limit",
    ),
    "outcome": (
        "",
        "agrees (within 2 sigma), differs, put in (by construction), not applicable, or not available",
    ),
    "remark": ("", "why the two differ, or why there is no number"),
    "lookback_gyr": ("Gyr", "lookback time of formation, from the age of the best-fitting model"),
    "z_form": (
        "",
        "redshift of formation, from the age of the best-fitting model; inf: as old as the Universe or older",
    ),
}

PATTERNS = {
    r"published_(?P<quantity>age_gyr|metallicity_zsun|log_mass)": ("{unit}", "{name} as published"),
    r"difference_(?P<quantity>age_gyr|metallicity_zsun|log_mass)_dex": (
        "dex",
        "median of our posterior of {name} less the published value, in dex",
    ),
    r"within_68_(?P<quantity>age_gyr|metallicity_zsun|log_mass)": (
        "",
        "True where the published {name} lies within 16-84 % of our posterior",
    ),
    f"intrinsic_flux_err_lensing_{FILTER}": (
        "nJy",
        "1-sigma error of intrinsic_flux_{filter} by the magnification alone",
    ),
    f"intrinsic_flux_err_{FILTER}": (
        "nJy",
        "1-sigma random error of intrinsic_flux_{filter}, without that of the magnification",
    ),
    f"intrinsic_flux_{FILTER}": (
        "nJy",
        "flux density in {filter} without the lens and without Milky Way dust",
    ),
    r"intrinsic_(?P<quantity>log_mass)_(?P<quantile>p025|p16|p50|p84|p975)": (
        "{unit}",
        "{quantile} quantile of the posterior of {name} without the lens, at the magnification as it is",
    ),
    f"flux_err_conditional_{FILTER}": (
        "nJy",
        "1-sigma error of flux_{filter} with all else fixed, white noise",
    ),
    f"flux_err_marginal_{FILTER}": (
        "nJy",
        "1-sigma error of flux_{filter} with sky, position and neighbours free, white noise",
    ),
    f"flux_err_phase_{FILTER}": (
        "nJy",
        "1-sigma error of flux_{filter} by dither phase, part of flux_err_{filter}",
    ),
    f"flux_err_sys_{FILTER}": ("nJy", "1-sigma error common to all sources in {filter}: PSF and zero point"),
    f"flux_err_{FILTER}": ("nJy", "1-sigma random error of flux_{filter}"),
    f"error_factor_{FILTER}": (
        "",
        "factor on flux_err_{filter} but for its part by dither phase: scatter of artificial clusters and blank places "
        "in their errors, at this light and depth; 1 where it is not known to 10 %",
    ),
    f"flux_{FILTER}": ("nJy", "flux density in {filter}"),
    f"mag_ab_err_{FILTER}": ("mag", "1-sigma random error of mag_ab_{filter}"),
    f"mag_ab_{FILTER}": ("mag", "AB magnitude in {filter}; see the metadata for Milky Way dust"),
    f"flux0_err_{FILTER}": ("nJy", "1-sigma error of flux0_{filter}"),
    f"flux0_{FILTER}": ("nJy", "flux density in {filter} corrected for Milky Way dust"),
    f"flux0_err_sys_{FILTER}": (
        "nJy",
        "1-sigma systematic error of flux0_{filter}: PSF and zero point",
    ),
    f"A_{FILTER}": ("mag", "Milky Way extinction applied in {filter}"),
    f"x_{FILTER}": ("pix", "fitted x in the mosaic of {filter}, 0-based"),
    f"y_{FILTER}": ("pix", "fitted y in the mosaic of {filter}, 0-based"),
    f"x_err_{FILTER}": ("pix", "1-sigma error of x in {filter}"),
    f"y_err_{FILTER}": ("pix", "1-sigma error of y in {filter}"),
    f"xy_cov_{FILTER}": ("pix2", "covariance of x and y in {filter}"),
    f"dx_{FILTER}": ("pix", "fitted less expected x in {filter}"),
    f"dy_{FILTER}": ("pix", "fitted less expected y in {filter}"),
    f"chi2_{FILTER}": ("", "chi-square of the pixels in {filter}"),
    f"dof_{FILTER}": ("", "degrees of freedom of chi2_{filter}"),
    f"flags_{FILTER}": ("", "quality bits of the fit in {filter}"),
    f"sky_{FILTER}": ("nJy / pix", "sky under the source in {filter}"),
    f"model_{FILTER}": ("nJy", "flux density of the model in {filter}"),
    f"mag_{FILTER}": ("mag", "AB magnitude in {filter}, interpolated between the bands of the catalogue"),
    f"n_sources_{FILTER}": ("", "sources in the stack of {filter}"),
    f"color_shift_err_{FILTER}": (
        "mag",
        "1-sigma error of color_shift_{filter}, by the same resamples of both methods",
    ),
    f"color_shift_{FILTER}": (
        "mag",
        "colour of {filter} and the reference filter, of the stack by this method less by the one that is used",
    ),
    f"true_flux_{FILTER}": ("nJy", "true flux density in {filter}, as in the image"),
    f"halo_{FILTER}": ("nJy / arcsec2", "true light of galaxies under the source in {filter}"),
    f"pull_{FILTER}": ("", "measured less true flux in {filter} over flux_err_{filter}"),
    f"offset_(?P<axis>[xy])_{FILTER}": ("pix", "fitted less true {axis} in {filter}"),
    r"(?P<quantity>age_gyr|metallicity_zsun|log_mass|ml_v|lookback_gyr|z_form)_(?P<quantile>p025|p16|p50|p84|p975)": (
        "{unit}",
        "{quantile} quantile of the posterior of {name}",
    ),
    r"(?P<quantity>age_gyr|metallicity_zsun|log_mass)_hdi(?P<percent>68|95)_(?P<end>low|high)": (
        "{unit}",
        "{end} end of the shortest interval that holds {percent} % of the posterior of {name}, in its logarithm",
    ),
    r"log_lum_v_(?P<quantile>p16|p50|p84)": (
        "dex(solLum)",
        "{quantile} quantile of log10 of the rest-frame V luminosity in V-band Suns",
    ),
    f"abs_mag_(?P<system>ab|vega)_{FILTER}_(?P<quantile>p16|p50|p84)": (
        "mag",
        "{quantile} quantile of the rest-frame absolute {system} magnitude in {filter}",
    ),
    f"k_correction_{FILTER}_(?P<quantile>p16|p50|p84)": (
        "mag",
        "{quantile} quantile of the K-correction to rest-frame {filter}; see the metadata",
    ),
    r"(?P<kind>|best_)(?P<parameter>age|metallicity|mass)_change_dex": (
        "dex",
        "change of the {kind} {parameter} against the first row; of metallicity as metal fraction",
    ),
    r"(?P<parameter>age|metallicity|mass)_dex": (
        "dex",
        "half the 16-84 % width of the posterior of {parameter}",
    ),
    r"(?P<parameter>age|metallicity|mass)_95_dex": (
        "dex",
        "half the 2.5-97.5 % width of the posterior of {parameter}",
    ),
    r"(?P<quantity>age_gyr|metallicity_zsun)_(?P<end>lo|hi)_(?P<level>[1-5])sigma": (
        "{unit}",
        "{end} end of the {level}-sigma interval of {quantity}, age and metallicity jointly",
    ),
    r"(?P<quantity>age_gyr|metallicity_zsun)_(?P<end>lo|hi)_(?P<level>[1-5])sigma_marginal": (
        "{unit}",
        "{end} end of the {level}-sigma interval of {quantity} alone",
    ),
}


FIELD_COLUMNS = {
    "flux_field": ("nJy", "flux density in the field"),
    "flux_field_err": ("nJy", "1-sigma error of flux_field"),
    "flux_other": ("nJy", "flux density in the field that holds the same sources"),
    "flux_other_err": ("nJy", "1-sigma error of flux_other"),
    "flux_ratio": ("", "flux_field over flux_other"),
    "flux_ratio_err": ("", "1-sigma error of flux_ratio, as if the noise of both were independent"),
    "pull": ("", "difference of flux_field from the ratio times flux_other, over the errors of both"),
    "used": ("", "True for sources that count: no bad flag, above 5 sigma in both, not clipped"),
    "ratio": ("", "flux of the field over that of the other, of all sources together"),
    "ratio_err": ("", "1-sigma error of ratio, from the scatter of the pulls"),
    "ratio_scatter": ("", "scatter of the ratios of the sources, 1.4826 times the median absolute deviation"),
    "factor": ("", "factor on fluxes that brings the field to the other"),
    "factor_err": ("", "1-sigma error of factor"),
    "module": ("", "module of the detectors of the field; empty: not said, or all"),
    "context": ("", "CRDS context of the field; empty: not said, or all"),
    "calibration": ("", "what the header of the field's mosaic says of its calibration"),
    "other_calibration": ("", "the same of the other field"),
    "n_used": ("", "those that count: at the field's redshift and without a flag in photometry"),
    "depth_filter": ("", "filter of the depth, the nearest to 2 micron"),
    "depth_mag": ("mag", "AB magnitude of 3 sigma, from the median flux error of these sources"),
    "sample_age_gyr_noise_dex": ("dex", "1-sigma error of the median age of the clusters by their scatter"),
    "sample_age_gyr_shared_dex": (
        "dex",
        "half the 16-84 % range of the stack: what zero points and dust do to all",
    ),
    "sample_metallicity_zsun_noise_dex": ("dex", "the same of the median metallicity"),
    "sample_metallicity_zsun_shared_dex": ("dex", "the same of metallicity"),
    "sample_b_minus_i_noise": (
        "mag",
        "1-sigma error of the median rest-frame B-I of the clusters by their scatter",
    ),
    "sample_b_minus_i_shared": ("mag", "error of B-I by zero points, PSF and dust, which all clusters share"),
    "population_model": ("", "best model of the population; empty where the target population was not made"),
    "luminosity_n_total": ("", "clusters by the luminosity function, found and missed"),
    "luminosity_n_total_p16": ("", "lower end of its 68 % interval"),
    "luminosity_n_total_p84": ("", "upper end of its 68 % interval"),
    "luminosity_identifiable": ("", "1 where the data see the turnover of the luminosity function, else 0"),
    "other_field": ("", "name of the field that it is compared with"),
    "other_value": ("", "value of the other field"),
    "difference": (
        "",
        "value less other_value, of ages and metallicities their logarithms; see difference_unit",
    ),
    "difference_err": ("", "1-sigma error of difference, of both fields"),
    "difference_unit": ("", "unit of difference and its error"),
    "sigma": ("", "size of the difference over its error"),
}
"""Columns of fields.ecsv, fields_differences.ecsv and calibration/; a source list may have columns of these names."""

FIELD_PATTERNS = {
    r"stack_(?P<quantity>age_gyr|metallicity_zsun|lookback_gyr|z_form)_(?P<quantile>p16|p50|p84)": (
        "{unit}",
        "{quantile} quantile of the posterior of the {name} of the stack",
    ),
    r"sample_(?P<quantity>age_gyr|metallicity_zsun|log_mass)_(?P<quantile>p16|p50|p84)": (
        "{unit}",
        "{quantile} quantile over the clusters of the medians of their posteriors of {name}",
    ),
    r"sample_b_minus_i_(?P<quantile>p16|p50|p84)": (
        "mag",
        "{quantile} quantile over the clusters of rest-frame B-I (Vega)",
    ),
    r"sample_abs_mag_v_(?P<quantile>p16|p50|p84)": (
        "mag",
        "{quantile} quantile over the clusters of rest-frame absolute V (Vega)",
    ),
    r"population_(?P<quantity>age_gyr|metallicity_zsun|log_mass)_(?P<quantile>p16|p50|p84)": (
        "{unit}",
        "{quantile} quantile of the posterior of the median {name} of the population",
    ),
    r"luminosity_turnover_(?P<quantile>p16|p50|p84)": (
        "mag",
        "{quantile} quantile of the turnover of the luminosity function, AB in the reference filter",
    ),
}

SUMMARY_COLUMNS = {
    "conclusion": ("", "a statement about the stack, or a quantity of it"),
    "value_before": ("", "probability of the statement, or median of the quantity, with nothing changed"),
    "value_after": ("", "the same with the change of the row"),
    "verdict_before": (
        "",
        "yes, no or open for a statement (sed.robustness.level); 68 % interval of a quantity",
    ),
    "verdict_after": ("", "the same with the change of the row"),
    "stands": ("", "same verdict; of a quantity: its median after the change is in its 68 % interval before"),
    "estimate": ("", "median of the posterior, or best_fit"),
    "offset_dex": ("dex", "median of ours less the published values"),
    "offset_dex_err": ("dex", "1-sigma error of offset_dex"),
    "scatter_dex": ("dex", "scatter of the differences, 1.4826 times the median absolute deviation"),
    "share_68": (
        "",
        "fraction of the published values within 16-84 % of our posteriors; 0.68 where errors are right",
    ),
    "n_left_out": (
        "",
        "sources with published values that do not count: not measured, or cut off by the mass prior",
    ),
    "compared": ("", "True for sources that count in the summary"),
    "magnification": ("", "magnification of the source by its lens, absolute"),
    "magnification_err": ("", "1-sigma error of magnification; NaN where none is given"),
    "method": ("", "how the sources of a stack are combined"),
    "p_same_colors": ("", "probability of colours as different as these by noise alone"),
    "rank": ("", "1 is the set of filters that gives the narrowest age"),
    "extra": ("", "filters beyond the baseline, joined by +; empty for the baseline alone"),
    "n_filters": ("", "filters of the set"),
    "snr_extra": ("", "signal to noise in the extra filters, the lowest"),
    "age_gain": ("", "width of the age posterior with the baseline over that with the set"),
    "age_p16": ("Gyr", "16 % quantile of the age posterior, median over the draws"),
    "age_p84": ("Gyr", "84 % quantile of the age posterior, median over the draws"),
    "offset": ("", "median of measured less predicted over predicted flux; predicted by the other bands"),
    "offset_err": ("", "1-sigma error of offset"),
    "zero_point_error": ("", "fractional zero-point error allowed for"),
    "error_factor": ("", "factor on the random errors for which the residuals have the spread expected"),
    "setting": ("", "brightness and noise of the simulated sources; see the metadata"),
    "psf": ("", "known, or varied from source to source"),
    "engine": ("", "engine that is compared"),
}
"""Columns of tables without a row per source; a source list may have columns of these names."""

DETECTION_COLUMNS = {
    "x": ("pix", "position in the mosaic of the reference filter, 0-based"),
    "y": ("pix", "position in the mosaic of the reference filter, 0-based"),
    "mag": ("mag", "AB magnitude in the reference filter"),
    "snr": ("", "combined significance of the detection"),
    "found_in": ("", "search in which it was found, from 1"),
    "point_likeness": ("", "probability that a star of the field looks at least as extended"),
    "size": ("mas2", "variance per axis beyond that of the field's stars, all bands combined"),
    "size_err": ("mas2", "1-sigma error of size"),
    "elongation_sigma": ("", "elongation beyond that of the field's stars over its error"),
    "surface_brightness": ("nJy / arcsec2", "light without point sources in the reference filter"),
    "neighbour_light": (
        "nJy",
        "light of all other candidates in the reference filter, weighted by a Gaussian of 0.15 arcsec (sigma)",
    ),
    "missing": ("", "share of bad pixels around the source"),
    "near_hole": ("", "whether it lies at a saturated or missing core"),
    "near_star": ("", "whether it lies in the wings of a bright star"),
    "stands_out": ("", "whether it is significant against the imperfect PSFs of its neighbours"),
    "negative": ("", "whether it was found in the negative image"),
    "selected": ("", "whether it is taken for a star cluster"),
    "reason": ("", "why it is not selected, empty if it is; see the metadata"),
    "mag_in": ("mag", "AB magnitude put in, reference filter"),
    "found": ("", "whether it was detected"),
    "searched": ("", "whether it lies in the searched area"),
    "noise_class": ("", "0: all of the field; 1, 2, 3: thirds of the injections by local noise"),
    "mag_low": ("mag", "bright end of the bin"),
    "mag_high": ("mag", "faint end of the bin"),
    "noise_median": ("nJy", "median local 1-sigma noise of the class"),
    "n_injected": ("", "artificial clusters put into the bin"),
    "n_selected": ("", "of these, found and selected"),
    "completeness": ("", "share of star clusters that are found and selected"),
    "completeness_err": ("", "1-sigma error of completeness"),
    "completeness_model": ("", "the same by the logistic fit"),
    "flux_bias": ("", "median of found over true flux, less 1"),
    "flux_bias_err": ("", "1-sigma error of flux_bias"),
    "flux_bias_eddington": ("", "part of flux_bias that selection at the threshold alone gives"),
    "flux_scatter": ("", "scatter of found over true flux, 1.4826 times the median absolute deviation"),
    "mag_50": ("mag", "magnitude of 50 % completeness at the median noise of the class"),
    "mag_50_err": ("mag", "1-sigma error of mag_50"),
    "mag_90": ("mag", "magnitude of 90 % completeness at the median noise of the class"),
    "mag_90_err": ("mag", "1-sigma error of mag_90"),
    "selection": ("", "found: detected at all; selected: in selected.csv"),
    "half_light_radius_pc": ("pc", "half-light radius of artificial clusters; 0 is a point"),
    "log_mass_low": ("dex(solMass)", "lower end of the bin of log10 of the surviving mass"),
    "log_mass_high": ("dex(solMass)", "upper end of the bin"),
    "n_seen": ("", "of the artificial clusters of the bin, those found, or found and selected"),
    "log_mass_50": (
        "dex(solMass)",
        "log10 of the surviving mass of 50 % completeness at the median noise and light; NaN where none of those "
        "tried has it",
    ),
    "log_mass_50_err": ("dex", "1-sigma error of log_mass_50"),
}
"""Columns of candidates and of completeness; a source list may have columns of these names."""

DETECTION_PATTERNS = {
    f"flux_in_{FILTER}": ("nJy", "flux density put in, {filter}"),
    f"noise_{FILTER}": ("nJy", "local 1-sigma noise of the flux of a point source in {filter}"),
    f"(?P<moment>size|plus|cross)_err_{FILTER}": ("mas2", "1-sigma error of {moment}_{filter}"),
    f"size_{FILTER}": ("mas2", "variance per axis beyond that of the PSF in {filter}"),
    f"plus_{FILTER}": ("mas2", "half the difference of the variances along x and y in {filter}"),
    f"cross_{FILTER}": ("mas2", "covariance of x and y beyond that of the PSF in {filter}"),
}


PROOF_COLUMNS = {
    "kind": ("", "injected: an artificial cluster; blank: a place where nothing is seen"),
    "is_donor": ("", "whether artificial clusters take place and fluxes from it"),
    "neighbour_arcsec": ("arcsec", "distance from the nearest listed source"),
    "size_pc": ("pc", "half-light radius put in; 0 is a point"),
    "light_low": (
        "nJy / arcsec2",
        "lower end of the light under the sources, as fitted; NaN: not binned by it",
    ),
    "light_high": ("nJy / arcsec2", "upper end of the light under the sources"),
    "depth_low": (
        "mag",
        "shallow end of the 5-sigma depth (AB) of a point source by the local weights alone; NaN: not binned by it",
    ),
    "depth_high": ("mag", "deep end of the 5-sigma depth"),
    "neighbour_low": (
        "arcsec",
        "lower end of the distance from the nearest listed source; NaN: not binned by it",
    ),
    "neighbour_high": ("arcsec", "upper end of the distance from the nearest listed source"),
    "pull_median": ("", "median of the pulls"),
    "pixel_scale_arcsec": ("arcsec", "side of a pixel of the mosaic"),
    "ln_scatter": ("", "ln of the scatter of pulls at light_mean and depth_mean"),
    "light_slope": ("", "its change with asinh(light / 100 nJy/arcsec2)"),
    "depth_slope": ("1 / mag", "its change with depth"),
    "light_mean": ("", "mean of asinh(light / 100 nJy/arcsec2)"),
    "depth_mean": ("mag", "mean depth"),
    **{f"var_{i}{j}": ("", f"covariance of coefficients {i} and {j}") for i in range(3) for j in range(i, 3)},
    "pull_scatter_err": ("", "1-sigma error of pull_scatter"),
}
"""Columns of what is proven; a source list may have columns of these names."""

PROOF_PATTERNS = {
    f"light_{FILTER}": ("nJy / arcsec2", "light under the source in {filter}, as fitted"),
    f"depth_{FILTER}": (
        "mag",
        "5-sigma depth (AB) of a point source in {filter} by the local weights alone, noise taken for uncorrelated",
    ),
}


LUMINOSITY_COLUMNS = {
    "n_sources": ("", "selected sources used"),
    "n_beyond": (
        "",
        "selected sources left out, at a local noise where no artificial clusters tell the completeness",
    ),
    "n_clean": ("", "sum of their probabilities of being clusters"),
    "identifiable": ("", "whether the data see a turnover"),
    "status": ("", "the same in words"),
    "turnover": ("mag", "turnover of the best Gaussian luminosity function"),
    "turnover_p05": (
        "mag",
        "where no turnover is seen, it is fainter than this, at 95 %",
    ),
    "turnover_p16": (
        "mag",
        "bright end of the 68 % interval of the turnover, given that it is identifiable or not",
    ),
    "turnover_p50": ("mag", "50 % quantile of the posterior of the turnover"),
    "turnover_p84": (
        "mag",
        "faint end of the 68 % interval of the turnover, given that it is identifiable or not",
    ),
    "width": ("mag", "width (sigma) of the best Gaussian luminosity function"),
    "width_p16": ("mag", "16 % quantile of the posterior of the width"),
    "width_p50": ("mag", "50 % quantile of the posterior of the width"),
    "width_p84": ("mag", "84 % quantile of the posterior of the width"),
    "faint_fall": (
        "",
        "twice the fall of the log-likelihood from its best to the best without a turnover in reach",
    ),
    "reach_mag": ("mag", "faintest magnitude that the data see (luminosity.reach)"),
    "mag_limit": ("mag", "limit of numbers and densities"),
    "n_total": ("", "clusters in the searched area, found and missed; NaN where no turnover is seen"),
    "n_total_p16": ("", "lower end of the 68 % interval of n_total, at the level of turnover_p16"),
    "n_total_p84": ("", "upper end of the 68 % interval of n_total, at the level of turnover_p84"),
    "n_to_limit": ("", "clusters in the searched area brighter than mag_limit, found and missed"),
    "n_to_limit_p16": ("", "16 % quantile of n_to_limit"),
    "n_to_limit_p84": ("", "84 % quantile of n_to_limit"),
    "area_searched": ("arcsec2", "area that was searched"),
    "area_lost": ("arcsec2", "area lost at edges, saturated cores and cores of galaxies"),
    "area_effective": (
        "arcsec2",
        "searched area times the share of clusters brighter than the limit found there",
    ),
    "p_value": ("", "chance of so large a chi-square"),
    "n_found": ("", "sources found"),
    "n_corrected": (
        "",
        "sum of probability over completeness, each at its found magnitude and place",
    ),
    "n_corrected_err": ("", "1-sigma error of n_corrected"),
    "n_expected": ("", "found sources that the fitted luminosity function predicts"),
    "n_intrinsic": ("", "clusters of the fitted luminosity function, found and missed"),
    "n_components": ("", "Gaussians of the mixture"),
    "component": ("", "0 is the bluer one"),
    "preferred": ("", "whether the evidence prefers this number of components"),
    "color_share": ("", "share of the clusters, corrected for completeness"),
    "color_share_err": ("", "1-sigma error of color_share"),
    "color_mean": ("mag", "mean colour of the component"),
    "color_mean_err": ("mag", "1-sigma error of color_mean"),
    "color_width": ("mag", "width (sigma) of the component without measurement errors"),
    "color_width_err": ("mag", "1-sigma error of color_width"),
    "log_likelihood": ("", "natural log of the likelihood of the mixture"),
    "bic": ("", "Bayesian information criterion of the mixture"),
    "radius_low": ("arcsec", "inner radius"),
    "radius_high": ("arcsec", "outer radius"),
    "radius": ("arcsec", "mean radius over the effective area"),
    "surface_density": (
        "arcmin-2",
        "corrected density of clusters to the limit, by weights that follow the light",
    ),
    "surface_density_err": ("arcmin-2", "1-sigma error of surface_density"),
    "map": ("", "what is compared: light for the field's own light of galaxies, or a file"),
    "exponent": ("", "exponent of the map in the density of clusters: median of its likelihood"),
    "exponent_err": ("", "half the 68 % range of exponent"),
    "exponent_p16": ("", "lower end of the 68 % range of exponent"),
    "exponent_p84": ("", "upper end of the 68 % range of exponent"),
    "ratio_uniform": ("", "twice the gain of log-likelihood over a uniform density"),
    "ratio_linear": ("", "twice the gain of log-likelihood over a density proportional to the map"),
    "p_uniform": ("", "chance of so large a gain, were the density uniform"),
    "p_linear": ("", "chance of so large a gain, were the density proportional to the map"),
    "n_outside": ("", "sources where the map has no positive value, left out"),
    "sample": ("", "clusters that are described: all, a half of them, or the light in their place"),
    "compared": ("", "what they are compared with: an elliptical profile, the light, or a map"),
    "n_in_sample": ("", "sources of the sample"),
    "n_ranked": ("", "those of them where all maps are positive, on which evidences compare"),
    "rank_evidence": ("", "place by evidence within the sample; 1 is the best"),
    "ln_evidence": ("", "natural log of the evidence over that of sources that lie evenly; a map as it is"),
    "ln_evidence_below": ("", "ln_evidence of the best less this one"),
    "ln_evidence_smoothed": ("", "ln_evidence of a map whose smoothing is free"),
    "n_effective": ("", "effective number of draws from the posterior"),
    **{
        f"{name}_{end}": (unit, f"{QUANTILES[end]} quantile of {words}")
        for name, unit, words in (
            ("core_arcsec", "arcsec", "the core radius"),
            ("slope", "", "what density falls by per radius far outside the core, in logs"),
            ("flattening", "", "1 - b/a"),
            ("alpha", "", "1 / exponent, as in map ~ density^alpha"),
            ("exponent_smoothed", "", "the exponent of the map where its smoothing is free"),
            ("smoothing_arcsec", "arcsec", "the smoothing (sigma) of the map"),
            ("s_n", "", "the specific frequency, N 10^(0.4 (M_V + 15))"),
            ("n_per_1e9_lsun", "", "the number of clusters per 10^9 V-band Suns"),
        )
        for end in ("p16", "p50", "p84")
    },
    "slope": ("", "slope of the profile of a draw"),
    "exponent_p50": ("", "50 % quantile of exponent"),
    "angle_deg": ("deg", "position angle of the major axis, north to east; of isophotes from x to y"),
    "angle_err_deg": ("deg", "half its 68 % range"),
    "log_core": ("", "natural log of the core radius in arcsec, of a draw"),
    "along": ("", "flattening times the cosine of twice the angle from x to y, of a draw"),
    "across": ("", "flattening times the sine of twice the angle from x to y, of a draw"),
    "sma": ("arcsec", "half major axis of an isophote"),
    "isophote": ("nJy / arcsec2", "mean light along it"),
    "isophote_err": ("nJy / arcsec2", "1-sigma error of isophote"),
    "flattening": ("", "1 - b/a of an isophote"),
    "flattening_err": ("", "1-sigma error of flattening"),
    "turnover_kind": (
        "",
        "free: of the data; faded: today's, carried back; today: today's; given: the user's",
    ),
    "turnover_err": ("mag", "half the 68 % range of turnover"),
    "likelihood_fall": (
        "",
        "2 ln L of the data's own turnover and width less that of the assumption: above 9 it does not describe them",
    ),
    "width_kind": ("", "free, or that of galaxies as bright"),
    "region": ("", "searched area, or aperture around the centre"),
    "aperture_kpc": ("kpc", "radius of the aperture"),
    "aperture_arcsec": ("arcsec", "radius of the aperture"),
    "n_total_p50": ("", "50 % quantile of the number of clusters in the region, found and missed"),
    "absolute_v": ("mag", "absolute V magnitude (Vega) of the light within the aperture"),
    "light_covered": ("", "share of the aperture in which the light was seen"),
}
"""Columns of the luminosity function, the colours and the map; a source list may have columns of these names."""

STAR_COLUMNS = {
    "id": ("", "number of the detection"),
    "x": ("pix", "position in the reference filter's mosaic, 0-based"),
    "y": ("pix", "position in the reference filter's mosaic, 0-based"),
    "ra": ("deg", "right ascension, ICRS"),
    "dec": ("deg", "declination, ICRS"),
    "mag_auto": ("mag", "AB magnitude from SExtractor's flux_auto, reference filter"),
    "snr": ("", "flux_auto over its error from the inverse variance alone"),
    "half_light_radius": ("pix", "SExtractor's flux_radius for half of flux_auto"),
    "axis_ratio": ("", "minor over major axis of the detection"),
    "saturated": ("", "a hole of bad pixels, or a flat top, at the centre"),
    "role": ("", "core: PSF core; wing: brighter, for the wings; none: not used"),
    "reason": ("", "why it is not used; empty if it is"),
}
"""Columns of stars.ecsv, the detections from which the stars of the PSF are chosen."""

OFFSET_COLUMNS = {
    "dx": ("pix", "fitted position minus the one expected from the reference filter, along x"),
    "dy": ("pix", "the same along y"),
    "dx_err": ("pix", "1-sigma error of dx"),
    "dy_err": ("pix", "1-sigma error of dy"),
    "n_stars": ("", "stars used"),
    "measured": ("", "false: nothing could be used, zero is written and sources are flagged OFFSET_UNKNOWN"),
}
"""Columns of {filter}/offset.ecsv."""

PSF_STAR_COLUMNS = {
    "id": ("", "number of the detection, as in stars.ecsv"),
    "x": ("pix", "fitted position in the mosaic of the filter, 0-based"),
    "y": ("pix", "fitted position in the mosaic of the filter, 0-based"),
    "core_flux": (
        "nJy",
        "fitted flux within the radius in which all PSFs have the light 1",
    ),
    "saturated": ("", "saturated in this filter"),
    "used": ("", "what it was used for: core, wing, or both"),
    "reason": ("", "why it was not used; empty if it was"),
}
"""Columns of the table STARS in psf.fits."""

PSF_PLACE_COLUMNS = {
    "x": ("pix", "place in the mosaic of the filter, 0-based"),
    "y": ("pix", "place in the mosaic of the filter, 0-based"),
    "fwhm": (
        "arcsec",
        "from second moments under a narrow Gaussian, in the scale in which the PSF of the middle has its FWHM",
    ),
    "e1": ("", "ellipticity (a - b) / (a + b) times the cosine of twice the angle of a, from x towards y"),
    "e2": ("", "the same times the sine"),
    "ee": ("", "share of the light within the radius RADIUS of the header"),
}
"""Columns of the table MODEL in psf_check.fits, and of STARS there."""

PSF_CHECK_COLUMNS = {
    "id": ("", "number of the detection, as in stars.ecsv"),
    "role": ("", "core or wing, as in stars.ecsv"),
    "used": ("", "what the PSF took it for: core, wing, or both; empty: nothing"),
    "reason": ("", "why the PSF did not take it; empty if it did"),
    "flux": ("nJy", "fitted with the PSF of its place"),
    "flux_err": ("nJy", "1-sigma error of flux from the noise of the pixels"),
    **PSF_PLACE_COLUMNS,
    "fwhm_err": ("arcsec", "1-sigma error of fwhm from the noise of the pixels"),
    "e_err": ("", "the same of e1 and of e2"),
    "ee_err": ("", "the same of ee"),
    "fwhm_model": ("arcsec", "fwhm of the PSF at this place"),
    "e1_model": ("", "e1 of the PSF at this place"),
    "e2_model": ("", "e2 of the PSF at this place"),
    "ee_model": ("", "ee of the PSF at this place"),
    "misfit": ("", "root mean square of star less PSF in the core, over the peak of the PSF, noise included"),
}
"""Columns of the table STARS in psf_check.fits."""

PSF_STACK_COLUMNS = {
    "name": ("", "which stars: bright or faint, or a quarter of the field"),
    "n": ("", "number of stars"),
    "rms": ("", "root mean square of the mean residual in the core, over the peak of the PSF"),
    "chance": ("", "what scatter between the stars alone would leave of it"),
}
"""Columns of the table GROUPS in psf_check.fits, one row for each image of RESIDUALS."""

SYSTEMATICS_COLUMNS = {
    "name": ("", "mode of error"),
    "kind": ("", "what it is of"),
    "effect_F": ("", "fractional change of fluxes in F by 1 sigma of the mode, in the middle of the field"),
    "gradient_F": ("", "rms of that change over the field about its mean"),
}
"""Columns of systematics.ecsv; F stands for a filter."""

POPULATION_COLUMNS = {
    "model": ("", "history of formation"),
    "parameter": ("", "parameter of the population, see docs/population.md"),
    **{name: ("", f"{words} quantile of the posterior") for name, words in QUANTILES.items()},
    "score": ("", "how well the model predicts a source from all others; comparable within a table"),
    "score_kind": ("", "what the score is: elpd_loo, the log density (natural) summed over the sources"),
    "score_below": ("", "score of the best model less this one"),
    "score_below_err": ("", "1-sigma error of score_below from the scatter between sources"),
    "statistic": ("", "median or scatter over the clusters of their flux over that in the reference filter"),
    "observed": ("", "its value"),
    "p_predictive": ("", "two-sided probability of a value further off, were the population as fitted"),
    "age_low": ("Gyr", "lower end of the bin"),
    "age_high": ("Gyr", "upper end of the bin"),
    **{
        f"fraction_{name}": ("", f"{QUANTILES[name]} quantile of the fraction of the clusters in the bin")
        for name in ("p16", "p50", "p84")
    },
    "name": ("", "shared mode of error, library or noise"),
    "kind": ("", "what it is of"),
    "amplitude": ("", "posterior mean of the amplitude of the mode, in its 1-sigma error"),
    "amplitude_err": ("", "posterior standard deviation of it"),
    **{
        f"{word}_shift_dex": ("dex", f"1-sigma error of the median {word} by this alone")
        for word in ("age", "metallicity", "mass")
    },
    **{
        f"{word}_share": ("", f"share of the variance of the median {word}")
        for word in ("age", "metallicity", "mass")
    },
}
"""Columns of the tables in population/."""

PSF_GROWTH_COLUMNS = {
    "radius_arcsec": ("arcsec", "radius of the circle"),
    "excess": (
        "",
        "mean of the light of stars within it over that within 0.2 arcsec, over the same of the PSF, less 1",
    ),
    "excess_err": ("", "1-sigma error of excess from the scatter between stars"),
    "n": ("", "number of stars"),
}
"""Columns of the table GROWTH in psf_check.fits."""

PSF_BUDGET_COLUMNS = {
    "part": ("", "what the error is of"),
    "error": ("", "1 sigma, fraction of the flux"),
}
"""Columns of the table BUDGET in psf_check.fits."""

PHASE_COLUMNS = {
    "angle_deg": ("deg", "angle between the axes of detector and mosaic, 0 to 45"),
    "kx": ("", "harmonic of the detector's pixels along its x axis"),
    "ky": ("", "harmonic of the detector's pixels along its y axis"),
    "power": (
        "",
        "variance, of the flux squared, that the harmonic and its opposite have in one exposure of random phase",
    ),
}
"""Columns of the table PHASE in psf.fits."""

STACK_COLUMNS = {
    "flux": ("nJy", "flux density of the stack"),
    "flux_err": ("nJy", "1-sigma error of flux by the bootstrap over the sources"),
    "flux_err_noise": ("nJy", "1-sigma error of flux by the noise of the pixels, and by dither phases"),
    "flux_err_sys": ("nJy", "1-sigma error of flux by the PSF"),
    "dx": ("pix", "fitted less expected x"),
    "dy": ("pix", "fitted less expected y"),
    "sky": ("nJy / pix", "sky under the point source"),
    "chi2": ("", "chi-square of the pixels"),
    "dof": ("", "degrees of freedom of chi2"),
    "flags": ("", "quality bits of the fit"),
    "n_sources": ("", "sources in the stack"),
    "n_listed": ("", "sources listed"),
}
"""Columns of the table FIT in stack.fits."""

STACK_SOURCE_COLUMNS = {
    "id": ("", "identifier of a source in the stack"),
    "background": ("nJy / pix", "local background taken from its cutout"),
    "is_in": ("", "whether it is in the stack: a clipped mean leaves some out"),
}
"""Columns of the table SOURCES in stack.fits."""

STACK_METHOD_COLUMNS = {
    "method": ("", "how sources are combined"),
    "flux": ("nJy", "flux density of the stack"),
    "flux_err": ("nJy", "1-sigma error of flux by the bootstrap over the sources"),
    "n_sources": ("", "sources in the stack"),
}
"""Columns of the table METHODS in stack.fits."""

STACK_BOOTSTRAP_COLUMNS = {
    "flux": ("nJy", "flux density of the stack of resampled sources"),
    "flux_M": ("nJy", "the same by method M"),
}
"""Columns of the table BOOTSTRAP in stack.fits; M stands for a method."""

TRUTH_COLUMNS = {
    "kind": ("", "cluster (of stars), star, galaxy behind, or in the cluster of galaxies: bcg, icl, member"),
    "id": ("", "identifier; that of the given table for star clusters"),
    "ra": ("deg", "true right ascension, ICRS"),
    "dec": ("deg", "true declination, ICRS"),
    "ra_listed": ("deg", "right ascension in the source list, as if measured"),
    "dec_listed": ("deg", "declination in the source list, as if measured"),
    "u": ("arcsec", "distance from the middle of the field along x"),
    "v": ("arcsec", "distance from the middle of the field along y"),
    "r_e_arcsec": ("arcsec", "half-light radius of a galaxy, along its major axis"),
    "sersic_n": ("", "Sersic index of a galaxy"),
    "axis_ratio": ("", "minor over major axis of a galaxy"),
    "pa_deg": ("deg", "position angle of a galaxy, from x towards y"),
}
"""Columns of simulation/truth.ecsv beside those of the filters; true_* are those of the given table."""

TRUTH_FILTER_COLUMNS = {
    "flux0": ("nJy", "true flux density without Milky Way dust"),
    "flux": ("nJy", "true flux density, as in the image"),
    "x": ("pix", "true x in the mosaic of the filter, 0-based, its offset included"),
    "y": ("pix", "true y in the mosaic of the filter, 0-based, its offset included"),
    "sb": ("nJy / arcsec2", "light of galaxies under a star cluster"),
}
"""Beginnings of the columns of simulation/truth.ecsv that it has for each filter."""


def describe_column(name):
    """Unit and description of a column of the product.

    Parameters
    ----------
    name : str

    Returns
    -------
    unit, description : str

    Raises
    ------
    KeyError
        If the column is not in the dictionary; every column of the product must be.
    """
    return _described(
        name,
        COLUMNS
        | FIELD_COLUMNS
        | SUMMARY_COLUMNS
        | DETECTION_COLUMNS
        | PROOF_COLUMNS
        | LUMINOSITY_COLUMNS
        | POPULATION_COLUMNS,
        PATTERNS | FIELD_PATTERNS | DETECTION_PATTERNS | PROOF_PATTERNS,
    )


def _described(name, columns, patterns):
    """Unit and description from these dictionaries."""
    if name in columns:
        return columns[name]
    for pattern, (unit, description) in patterns.items():
        match = re.fullmatch(pattern, name)
        if match:
            words = {key: _spell(value) for key, value in match.groupdict().items()}
            words["unit"] = COLUMNS[match["quantity"]][0] if "quantity" in words else unit
            words["name"] = NAMES.get(words.get("quantity"), "")
            return unit.format(**words), description.format(**words)
    raise KeyError(name)


def is_product(name):
    """Whether a column of this name is one that the workflow writes beside those of a source list."""
    try:
        _described(name, COLUMNS, PATTERNS)
    except KeyError:
        return False
    return True


def _spell(word):
    """Words for the abbreviations of column names."""
    names = {"lo": "lower", "hi": "upper", "ab": "AB", "vega": "Vega", "": "median", "best_": "best-fitting"}
    return names.get(word, QUANTILES.get(word, word))
