"""All figures of a field, one entry each in `FIGURES`: its name, where it is shown, what is said of it.

The name is one word for all: the figure ``masses`` is drawn by `draw` of `clusterphot.figures.masses` in the rule
``plot_masses``. The list of figures of a field, the pages of the report, Snakemake's own report and the messages of
the rules follow from these entries. Importing this costs nothing.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

SECTIONS = {
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
}
"""Sections of a field's page, in their order."""

NEEDS = {
    "nothing": lambda field, engines: True,
    "images": lambda field, engines: bool(field.mosaics),
    "stack": lambda field, engines: field.has_stack,
    "truth": lambda field, engines: field.truth is not None,
    "same sources": lambda field, engines: field.same_sources_as is not None,
    "published": lambda field, engines: field.compare_with is not None,
    "lens": lambda field, engines: field.is_lensed,
    "engines": lambda field, engines: bool(field.mosaics and engines),
    "control": lambda field, engines: "control_region" in field.comparisons,
    "proof": lambda field, engines: field.is_proven,
}
"""What a figure needs of a field, a `clusterphot.run.fields.Field`, and of the engines to compare."""


@dataclass(frozen=True)
class Figure:
    """One figure of a field, or one for each of its filters or grids.

    Attributes
    ----------
    name : str
        The word for module and rule; also the beginning of its files.
    section : str
        A key of `SECTIONS`.
    title, caption : str
        Sentence case; ``{grid}`` and ``{filter}`` stand for those of the figure. The caption is one or more sentences.
    each : {'', 'grid', 'filter'}
        Wildcard that it is repeated for.
    needs : str
        A key of `NEEDS`.
    on_demand : bool
        Whether it is left out of the main job and its report, and drawn by a target of its own.
    least_grids : int
        Libraries that it takes to say something.
    """

    name: str
    section: str
    title: str
    caption: str
    each: str = ""
    needs: str = "nothing"
    on_demand: bool = False
    least_grids: int = 1

    @property
    def stem(self):
        """File name without its ending, with the wildcard in braces."""
        return f"{self.name}_{{{self.each}}}" if self.each else self.name

    @property
    def rule(self):
        """Name of the rule that draws it."""
        return f"plot_{self.name}"


FIGURES = (
    Figure(
        "overview",
        section="field",
        title="Overview",
        caption="Colour composite with the sources (dashed where flagged), the footprints of the filters, scale "
        "and orientation. The stretch is that of Lupton et al. (2004, PASP 116, 133).",
        needs="images",
    ),
    Figure(
        "stars",
        section="psf",
        title="Selection of stars",
        caption="Half-light radius against magnitude of all detections of the reference filter, with the stellar "
        "locus and what each was taken for: stars of the core of the PSF, brighter ones of its wings, and the "
        "reasons of those left out. Saturated stars lie above the locus, since their flat tops make them "
        "large. Where the stars are in the field, and how many of them each filter could use.",
        needs="images",
    ),
    Figure(
        "psf",
        section="psf",
        title="PSF in {filter}",
        caption="Above, the PSF over the field: FWHM, ellipticity as whiskers along the long axis, and light within "
        "a radius; stars have the same colours where their errors are small enough to tell, dots are those of "
        "larger errors, crosses those unlike the others. Dither phases scatter single stars by more than these "
        "errors. In the middle, the mean of what fits leave of the stars when each "
        "is fitted with the PSF of its place: brighter stars, those of the core, and the quarters of the field "
        "between the dotted lines, with the root mean square within the circle and what scatter from star to star "
        "alone would leave. Below, the PSF on a logarithmic scale, its encircled energy beside the reference, with "
        "the error of the flux scale and the mean star, tied to the PSF at 0.2 arcsec, and the parts of that error.",
        each="filter",
        needs="images",
    ),
    Figure(
        "magnitudes",
        section="photometry",
        title="Magnitudes and depths",
        caption="Magnitudes in the reference filter, or the filter nearest to 2 micron where there is none. "
        "Dashed lines are the 3-sigma depth of each filter, from the median flux error of the unflagged "
        "sources; dotted are the Milky Way stars expected in the area.",
    ),
    Figure(
        "calibration",
        section="photometry",
        title="Fluxes of the same sources in another field",
        caption="Ratio of the fluxes of the sources that another field of the run holds too, by filter and source by "
        "source: two versions of a mosaic, or two epochs.",
        needs="same sources",
    ),
    Figure(
        "engines",
        section="photometry",
        title="Engines",
        caption="Fluxes and positions of another engine against those of the first one on the same cutouts, and "
        "the times per fit.",
        needs="engines",
    ),
    Figure(
        "proof",
        section="photometry",
        title="Errors proven",
        caption="Artificial clusters put into the mosaics of the field and measured as its list is (filled), and blank "
        "places fitted as if a source were there (outlines): measured less true flux over the 1-sigma error. "
        "Errors are right where histograms follow the normal distribution of width one. Below, bias of the "
        "fluxes put in and scatter of their pulls against the light under them, with the smooth scatter that "
        "photometry.rescale_errors multiplies errors by (dotted where it is not known to 10 %), and the share "
        "that is flagged.",
        needs="proof",
    ),
    Figure(
        "recovery_pulls",
        section="recovery",
        title="Pulls",
        caption="Measured less true flux over the quoted 1-sigma error, for all unflagged sources. Errors are "
        "right where the histogram follows the normal distribution of width one.",
        needs="truth",
    ),
    Figure(
        "recovery_trends",
        section="recovery",
        title="Biases",
        caption="Median and scatter of the pulls, and bias of the fluxes, against halo light, signal to noise "
        "and magnitude; shaded are the ranges aimed at.",
        needs="truth",
    ),
    Figure(
        "recovery_populations",
        section="recovery",
        title="Populations",
        caption="Ages and masses from the measured fluxes against those from the true ones, for sources without "
        "a flag in photometry.",
        needs="truth",
    ),
    Figure(
        "stacks",
        section="stack",
        title="Stack, model and residual",
        caption="Clean sources aligned to a fraction of a pixel and combined, the point source and sky fitted "
        "to them, and what is left over in units of its error, from -4 (blue) to +4 (red), in each filter. Chi-square "
        "beyond the degrees of freedom is light that a point source and a smooth sky do not have.",
        needs="images",
    ),
    Figure(
        "stack_sed",
        section="stack",
        title="SED of the stack, {grid}",
        caption="Fluxes of the stack, corrected for Milky Way dust, with the best {grid} population, other ages and "
        "metallicities, and black bodies. Chi-squares take into account that the bands err together; residuals are "
        "over the error of each band alone, linear to 3 sigma and logarithmic beyond.",
        each="grid",
        needs="stack",
    ),
    Figure(
        "chi2_map",
        section="populations",
        title="Chi-square of the stack, {grid}",
        caption="Rise of chi-square over age and metallicity above that of the best {grid} population, with "
        "contours of 3, 4 and 5 sigma for two parameters. They hold for errors as quoted, and mean "
        "little where the best fit itself is poor: p is the chance of its chi-square. The posterior (median and 68 %) "
        "allows for zero points and for errors that are too small.",
        each="grid",
        needs="stack",
    ),
    Figure(
        "colors",
        section="populations",
        title="Colours, {grid}",
        caption="Colours of the clusters with tracks of the {grid} models, by best-fit age and by best-fit "
        "metallicity.",
        each="grid",
    ),
    Figure(
        "masses",
        section="populations",
        title="Masses, {grid}",
        caption="Surviving masses of the clusters with {grid} models: medians of the posteriors, the values to use. "
        "Dashed are those of the best fits, from the light near V alone and in the convention of "
        "sed.mass_convention, as in Table 1; they are higher in the median, without a colour term between that filter "
        "and V, and pile up where best fits sit at the ends of the grid.",
        each="grid",
    ),
    Figure(
        "lensing",
        section="populations",
        title="Masses without the lens",
        caption="Mass against age of each source that has a magnification, as observed (open) and without its lens "
        "(filled), with the errors of the measurement as thin bars and those of the magnification as thick ones; "
        "ages are those at each source's redshift.",
        needs="lens",
    ),
    Figure(
        "formation",
        section="populations",
        title="Formation times, {grid}",
        caption="When the clusters formed, against their masses: medians of the posteriors, with the 68 % range that "
        "is usual for one cluster. Their distribution beside what the prior alone would give, and the stack. Clusters "
        "whose mass only the prior bounds are left out.",
        each="grid",
    ),
    Figure(
        "libraries",
        section="posteriors",
        title="Libraries",
        caption="The stack fitted with each library: chi-square maps with the best fits, and the posteriors of "
        "age and metallicity.",
        needs="stack",
        least_grids=2,
    ),
    Figure(
        "population",
        section="posteriors",
        title="The population, {grid}",
        caption="Ages of all clusters fitted together, with the errors they share: the smooth histogram with its 68 % "
        "band, the other histories as lines, how far the score of each lies below that of the best, and medians and "
        "scatters of the colours observed over those predicted.",
        each="grid",
        on_demand=True,
    ),
    Figure(
        "population_budget",
        section="posteriors",
        title="What carries the error of the population",
        caption="Shares of the variance of the median age, metallicity and mass of the clusters by shared errors, "
        "libraries and noise.",
        on_demand=True,
    ),
    Figure(
        "sensitivity",
        section="posteriors",
        title="What moves the stack",
        caption="Changes of age, metallicity and mass of the stack when one choice of the fit is changed at a "
        "time, the largest change of age on top.",
        needs="stack",
    ),
    Figure(
        "robustness",
        section="posteriors",
        title="What stands",
        caption="Conclusions about the stack with one thing changed at a time: probabilities of statements, medians of "
        "quantities. A statement stands where its verdict stays yes, no or open, a quantity where its median stays in "
        "its 68 % interval.",
        needs="stack",
    ),
    Figure(
        "profiles",
        section="sizes",
        title="Profiles",
        caption="Radial profiles of the stack against those of point sources. Errors of the rings go together, which "
        "chi-square takes into account and the differences drawn below do not.",
        needs="images",
    ),
    Figure(
        "sizes",
        section="sizes",
        title="Half-light radii",
        caption="Profile of the stack beside models of known half-light radius, the fraction of simulated "
        "sources called resolved at each radius, and upper limits on the radii of the stack and of the "
        "clusters.",
        needs="images",
    ),
    Figure(
        "contamination",
        section="contamination",
        title="Probabilities of being a cluster",
        caption="Probability of each source to be a cluster rather than a galaxy or a star, in the plane of two "
        "colours and as a histogram, with the sources of the control region where there is one. Sources below 3 sigma "
        "have none.",
        needs="control",
    ),
    Figure(
        "candidates",
        section="contamination",
        title="Candidates",
        caption="Sources that the search selects, rejects and finds again of the list, over the reference "
        "filter's image.",
        needs="images",
        on_demand=True,
    ),
    Figure(
        "point_likeness",
        section="contamination",
        title="Point-likeness",
        caption="Size of the candidates beyond that of stars against magnitude, with the cuts of the selection.",
        needs="images",
        on_demand=True,
    ),
    Figure(
        "completeness",
        section="contamination",
        title="Completeness in {filter}",
        caption="Fraction of artificial clusters that are found, bias of their fluxes, and the map of the "
        "magnitude at which half of them are found.",
        each="filter",
        needs="images",
        on_demand=True,
    ),
    Figure(
        "comparison_colors",
        section="comparisons",
        title="Colours beside stars and black bodies",
        caption="Colours of the clusters beside dwarf stars, black bodies and, where the configuration names a "
        "catalogue, galaxies near the redshift of the field.",
    ),
    Figure(
        "published",
        section="comparisons",
        title="Beside published values, {grid}",
        caption="Medians and 16-84 % of our posteriors with {grid} models against the values that the sources were "
        "published with, and the differences, ours less theirs; the dashed line is their median.",
        each="grid",
        needs="published",
    ),
    Figure(
        "mass_light",
        section="comparisons",
        title="Light near 2.2 micron against mass, {grid}",
        caption="Magnitude near 2.2 micron against mass (median of the posterior) of the clusters seen at 3 sigma "
        "and, where the configuration names a catalogue, of galaxies near the redshift of the field.",
        each="grid",
    ),
    Figure(
        "mass_size",
        section="comparisons",
        title="Masses and sizes, {grid}",
        caption="Masses of the clusters (medians of posteriors) with the upper limits on the half-light radius of "
        "each and of their stack, beside other stellar systems. A field without images has the limit of the "
        "literature in comparison.size_limit_pc.",
        each="grid",
    ),
    Figure(
        "luminosities",
        section="comparisons",
        title="Luminosity function, {grid}",
        caption="Luminosity function of the clusters in V beside that of globular clusters with as many above the "
        "limit, drawn to the limit; the number expected around the brightest cluster galaxy, where one is given; and "
        "the mass-to-light ratios of the best fits with those of old clusters.",
        each="grid",
    ),
    Figure(
        "color_magnitude",
        section="comparisons",
        title="Rest-frame colour and magnitude, {grid}",
        caption="Rest-frame B-I against M_I of the clusters seen at 3 sigma beside the globular clusters of nearby "
        "brightest cluster galaxies, whose colours are continued faintly to brighter magnitudes. Above, the colours "
        "of all.",
        each="grid",
    ),
    Figure(
        "lensed_ages",
        section="comparisons",
        title="Ages beside those in lensed galaxies, {grid}",
        caption="Ages of the clusters (medians of posteriors) beside those of clusters in lensed galaxies against "
        "redshift; dashed lines are of one time of formation. The bar of the clusters is how they scatter, not an "
        "error.",
        each="grid",
    ),
    Figure(
        "luminosity_function",
        section="comparisons",
        title="Luminosity function",
        caption="Clusters found and corrected for completeness, the fitted function, the likelihood of its "
        "turnover, and turnover against width.",
        needs="images",
        on_demand=True,
    ),
    Figure(
        "color_mixture",
        section="comparisons",
        title="Colours and their components",
        caption="Colours of the clusters found, and the one or two components of their distribution.",
        needs="images",
        on_demand=True,
    ),
    Figure(
        "cluster_map",
        section="comparisons",
        title="Where the clusters lie",
        caption="Density of the clusters on the sky, and their number against radius.",
        needs="images",
        on_demand=True,
    ),
    Figure(
        "spatial",
        section="comparisons",
        title="Profiles of clusters and light",
        caption="Light of the brightest galaxy with its isophotes and the clusters, profiles of both, and maps that "
        "the clusters follow, ranked by evidence.",
        needs="images",
        on_demand=True,
    ),
    Figure(
        "totals",
        section="comparisons",
        title="How many clusters there are",
        caption="Numbers of clusters, found and missed, under each assumption on their luminosity function, and per "
        "light.",
        needs="images",
        on_demand=True,
    ),
)
"""In the order in which a section shows them."""


def figures_of(field, grids, engines=()):
    """PNG files of the figures of a field in the main job.

    Parameters
    ----------
    field : `clusterphot.run.fields.Field`
    grids, engines : sequence of str
        Grids that are fitted, engines that are compared.

    Returns
    -------
    paths : list of str
        A PDF is made beside each.
    """
    values = {"": [""], "grid": grids, "filter": field.filters}
    return [
        f"results/{field.name}/figures/{figure.stem.format(**{figure.each: value})}.png"
        for figure in FIGURES
        if not figure.on_demand and NEEDS[figure.needs](field, engines) and len(grids) >= figure.least_grids
        for value in values[figure.each]
    ]


def find_figure(path):
    """Entry of a file, that of the longest name that fits, and the values of its wildcard.

    Parameters
    ----------
    path : str
        ``results/{field}/figures/<name>.png``; the name may hold the wildcard itself, as in rule files.

    Returns
    -------
    figure : `Figure`
    words : dict of str to str
        ``grid`` or ``filter``, where the figure is for each of them.

    Raises
    ------
    ValueError
        If no figure has this name.
    """
    name = PurePosixPath(path).stem
    for figure in sorted(FIGURES, key=lambda figure: -len(figure.name)):
        pattern = f"{figure.name}_(?P<{figure.each}>.+)" if figure.each else figure.name
        if match := re.fullmatch(pattern, name):
            return figure, match.groupdict()
    raise ValueError(f"{path} is no figure of clusterphot.figures.registry")


def message_of(name):
    """Message of the rule that draws the figure of this name: its title, with Snakemake's wildcards."""
    figure = next(figure for figure in FIGURES if figure.name == name)
    title = figure.title.replace(f"{{{figure.each}}}", f"{{wildcards.{figure.each}}}")
    return f"{{wildcards.field}}: figure '{title}'"
