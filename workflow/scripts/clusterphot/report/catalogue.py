"""What the figures of a field are: category, title and caption of each, by its file name.

A figure that is not listed is shown all the same, under its own name in the last category.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

CATEGORIES = {
    "field": "Field",
    "psf": "Point spread functions",
    "photometry": "Photometry",
    "recovery": "Against the truth",
    "stack": "Stack",
    "populations": "Ages, metallicities, masses",
    "posteriors": "Posteriors and libraries",
    "sizes": "Sizes",
    "contamination": "Contamination and completeness",
    "comparisons": "Comparison with other samples",
    "reproduction": "Reproduction of the published results",
    "more": "More figures",
}
"""Sections of a field's page, in their order."""

FIGURES = (
    (r"overview", "field", "Overview", "Colour composite with the sources, footprints and scale.", "plot_overview"),
    (
        r"psf_(?P<name>[A-Za-z0-9_]+)", "psf", "PSF in {name}",
        "Stars of the field against the stellar locus, encircled energy and the PSF itself.", "plot_psf",
    ),
    (
        r"magnitudes", "photometry", "Magnitudes and depths",
        "Magnitudes in the reference filter; lines are 3-sigma depths from the median flux error at the sources.",
        "plot_magnitudes",
    ),
    (
        r"recovery_pulls", "recovery", "Pulls",
        "Measured less true flux over the quoted error; a normal distribution of width one is drawn for comparison.",
        "plot_recovery",
    ),
    (
        r"recovery_trends", "recovery", "Biases",
        "Pulls and biases against halo light, signal to noise and magnitude; shaded are the ranges aimed at.",
        "plot_recovery",
    ),
    (
        r"recovery_populations", "recovery", "Populations",
        "Ages, metallicities and masses from the measured fluxes against those from the true ones.", "plot_recovery",
    ),
    (
        r"stacks", "stack", "Stack, model and residual",
        "Sources aligned to a fraction of a pixel and combined, and the point source fitted to them.", "plot_stack",
    ),
    (
        r"stack_sed_(?P<name>\w+)", "stack", "SED of the stack, {name}",
        "Fluxes of the stack with the best population, other ages and metallicities, and black bodies.",
        "plot_stack_sed",
    ),
    (
        r"chi2_map_(?P<name>\w+)", "populations", "Chi-square of the stack, {name}",
        "Rise of chi-square over age and metallicity, with the contours of 1 to 5 sigma for two parameters.",
        "plot_chi2_map",
    ),
    (
        r"colors_(?P<name>\w+)", "populations", "Colours, {name}",
        "Colours of the clusters with tracks of the models.", "plot_colors",
    ),
    (r"masses_(?P<name>\w+)", "populations", "Masses, {name}", "Histogram of the surviving masses.", "plot_masses"),
    (
        r"libraries", "posteriors", "Libraries", "The stack fitted with each library: best fits and posteriors.",
        "plot_libraries",
    ),
    (
        r"sensitivity", "posteriors", "What moves the age of the stack",
        "Age of the stack when one choice of the fit is changed at a time.", "plot_sensitivity",
    ),
    (
        r"profiles", "sizes", "Profiles", "Radial profiles of the stack against those of point sources.",
        "plot_profiles",
    ),
    (
        r"sizes", "sizes", "Half-light radii", "Upper limits on half-light radii of the stack and of the clusters.",
        "plot_sizes",
    ),
    (
        r"engines", "photometry", "Engines", "Fluxes of other engines against those of the run, on the same cutouts.",
        "plot_engines",
    ),
    (
        r"comparison_colors", "comparisons", "Colours beside galaxies, stars and black bodies",
        "Colours of the clusters beside galaxies, stars and black bodies.",
        "plot_comparison_colors",
    ),
    (
        r"mass_light_(?P<name>\w+)", "comparisons", "Light near 2.2 micron against mass, {name}",
        "Magnitude near 2.2 micron against mass of the clusters.",
        "plot_mass_light",
    ),
    (
        r"contamination", "contamination", "Probabilities of being a cluster",
        "Probabilities that the sources are clusters, in colour and magnitude.",
        "plot_contamination",
    ),
    (
        r"mass_size_(?P<name>\w+)", "comparisons", "Masses and sizes, {name}",
        "Masses and sizes of the clusters beside other stellar systems.",
        "plot_mass_size",
    ),
    (
        r"luminosities_(?P<name>\w+)", "comparisons", "Luminosity function, {name}",
        "Luminosity function and mass-to-light ratios of the clusters.",
        "plot_luminosities",
    ),
    (
        r"color_magnitude_(?P<name>\w+)", "comparisons", "Rest-frame colour and magnitude, {name}",
        "Rest-frame B-I against M_I of the clusters.",
        "plot_color_magnitude",
    ),
    (
        r"lensed_ages_(?P<name>\w+)", "comparisons", "Ages beside those in lensed galaxies, {name}",
        "Ages of the clusters beside those in lensed galaxies.",
        "plot_lensed_ages",
    ),
    (
        r"formation_(?P<name>\w+)", "populations", "Formation times, {name}",
        "When the clusters formed, against their masses.",
        "plot_formation",
    ),
    (r"(?:posteriors?|predictive|calibration|ranks?)\w*", "posteriors", "", "", ""),
    (r"(?:libraries|library|evidence|systematics)\w*", "posteriors", "", "", ""),
    (r"(?:sizes?|profiles?|size_limits)\w*", "sizes", "", "", ""),
    (r"(?:contamination|candidates|completeness|selection)\w*", "contamination", "", "", ""),
    (r"(?:purity|detection|point_likeness)\w*", "contamination", "", "", ""),
    (r"(?:comparison|color_magnitude|mass_light|mass_size|luminosit|lensed_ages|bcg)\w*", "comparisons", "", "", ""),
    (r"(?:engines?|compare_engines)\w*", "photometry", "", "", ""),
    (r"(?:reproduction|reproduce|published)\w*", "reproduction", "", "", ""),
)  # fmt: skip
"""Pattern of the name without ending, category, title, caption and rule; empty where others fill them in."""


DRAWN_FROM = {
    "plot_psf": ("{name}/psf.fits", "stars.ecsv"),
    "plot_overview": ("photometry.ecsv",),
    "plot_magnitudes": ("photometry.ecsv",),
    "plot_recovery": ("recovery/sources.ecsv", "recovery/summary.ecsv"),
    "plot_stack_sed": ("stack_photometry.ecsv",),
    "plot_chi2_map": ("sed/{name}/stack.ecsv",),
    "plot_colors": ("photometry_dereddened.ecsv", "sed/{name}/clusters.ecsv"),
    "plot_masses": ("sed/{name}/clusters.ecsv",),
    "plot_comparison_colors": ("photometry_dereddened.ecsv",),
    "plot_mass_light": ("sed/{name}/clusters.ecsv",),
    "plot_contamination": ("contamination.ecsv",),
    "plot_mass_size": ("sed/{name}/clusters.ecsv", "sizes/limits.ecsv"),
    "plot_luminosities": ("sed/{name}/clusters.ecsv",),
    "plot_color_magnitude": ("sed/{name}/rest_frame.ecsv",),
    "plot_lensed_ages": ("sed/{name}/clusters.ecsv",),
    "plot_formation": ("sed/{name}/clusters.ecsv",),
    "plot_sizes": ("sizes/limits.ecsv",),
    "plot_libraries": ("sed/comparison.ecsv",),
    "plot_sensitivity": ("sed/sensitivity.ecsv",),
}
"""Files below the field's folder that the figures of a rule show."""


FIGURE_KEYS = {
    "plot_comparison_colors": ("dust.r_v", "figures.black_body_k"),
    "plot_mass_light": ("sed.mass_convention",),
    "plot_mass_size": ("comparison.size_limit_pc",),
    "plot_luminosities": ("cosmology", "sed.v_filter"),
    "plot_lensed_ages": ("cosmology",),
    "plot_overview": ("cosmology",),
    "plot_chi2_map": ("cosmology",),
    "plot_stack_sed": ("sed.flux_floor_fraction", "sed.min_relative_error", "figures.black_body_k"),
    "plot_masses": ("sed.mass_convention",),
    "plot_formation": ("cosmology",),
    "plot_libraries": ("cosmology",),
    "plot_sensitivity": ("sed.fiducial_grid",),
    "plot_sizes": ("sizes.model", "sizes.king_concentration", "sizes.figure_radii_pc", "cosmology"),
}
"""Keys of the configuration that a rule of figures takes, beside ``figures.dpi``, which all take."""


@dataclass(frozen=True)
class FigureEntry:
    """One figure of a field.

    Attributes
    ----------
    path : str
        PNG file; a PDF of the same name is beside it.
    category, title, caption, rule : str
    drawn_from : tuple of str
        Files whose numbers it shows, below the folder of the field; empty where unknown.
    """

    path: str
    category: str
    title: str
    caption: str
    rule: str
    drawn_from: tuple = ()

    @property
    def keys(self):
        """Keys of the configuration that it was drawn with."""
        return (*FIGURE_KEYS.get(self.rule, ()), "figures.dpi")

    @property
    def name(self):
        """File name without its ending."""
        return PurePosixPath(self.path).stem


def describe_figure(path):
    """Entry of a figure, from its file name.

    Parameters
    ----------
    path : str
        ``results/{field}/figures/<name>.png``.

    Returns
    -------
    entry : `FigureEntry`
    """
    name = PurePosixPath(path).stem
    for pattern, category, title, caption, rule in FIGURES:
        match = re.fullmatch(pattern, name)
        if match:
            words = match.groupdict()
            files = tuple(file.format(**words) for file in DRAWN_FROM.get(rule, ()))
            return FigureEntry(path, category, title.format(**words) or _words(name), caption, rule, files)
    return FigureEntry(path, "more", _words(name), "", "")


def sort_figures(paths):
    """Entries of figures by category, in the order of `CATEGORIES`; categories without figures are left out."""
    entries = [describe_figure(path) for path in paths]
    entries.sort(key=lambda entry: _rank(entry.name))  # keeps the order of figures of one kind
    found = {key: [entry for entry in entries if entry.category == key] for key in CATEGORIES}
    return {key: entries for key, entries in found.items() if entries}


def _rank(name):
    """Place in `FIGURES` of the first pattern that a name fits; the last for none."""
    return next((k for k, figure in enumerate(FIGURES) if re.fullmatch(figure[0], name)), len(FIGURES))


def _words(name):
    """Title made of a file name."""
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]
