# ruff: noqa: E501 - the matrix is read by rows
"""The matrix of edits: what a user or developer changes, and which rules have a reason of their own to run again.

Rules that follow from these are not listed: they are read off the graph of rules. Used by test_rebuild_matrix.py
and, for docs/rebuilds.md, by docs/make_rebuilds.py.
"""

import csv
import os
from dataclasses import dataclass, field

from clusterphot.run.chunks import deal

PLOTS = "all plot_* rules"
"""Stands for every rule of a figure, in ``first``."""


@dataclass(frozen=True)
class Edit:
    """One edit.

    Attributes
    ----------
    says : str
        The edit, in words.
    apply : callable
        Makes it, in a working directory and a copy of the repository.
    first : set of str
        Rules with a reason of their own: edited parameters, code or input.
    n_jobs : dict of str to int
        Number of jobs where only some of a rule's run: of the field of images (two filters, two chunks) and the
        field of fluxes (two chunks) together.
    spared : set of str
        Rules that need results of those that run, but of another filter or field.
    """

    says: str
    apply: object
    first: set
    n_jobs: dict = field(default_factory=dict)
    spared: set = field(default_factory=set)


def config(text):
    """Edit that adds to the configuration."""
    return lambda place: (place.cwd / "again.yaml").write_text(text + "\n")


def replace(name, old, new):
    """Edit of a text in a file of the working directory."""

    def apply(place):
        path = place.cwd / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} in {name}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return apply


def rows(change):
    """Edit of the rows of the source list."""

    def apply(place):
        path = place.cwd / "sources.csv"
        with open(path, newline="", encoding="utf-8") as stream:
            table = change(list(csv.DictReader(stream)))
        with open(path, "w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, table[0])
            writer.writeheader()
            writer.writerows(table)

    return apply


def add(ident, *, beside=None):
    """One more source: far from all others, or 0.3 arcsec from another one."""

    def change(table):
        near = next((row for row in table if row["id"] == beside), None)
        place = {"dec": f"{float(near['dec']) + 0.3 / 3600:.7f}"} if near else {"dec": "-73.44925"}
        return [*table, (near or table[0]) | place | {"id": ident}]

    return rows(change)


def move(ident, north_arcsec):
    """One source a little to the north."""

    def change(table):
        return [
            row | {"dec": f"{float(row['dec']) + north_arcsec / 3600:.7f}"} if row["id"] == ident else row
            for row in table
        ]

    return rows(change)


def swap(table):
    """Two rows of different chunks that follow each other change places."""
    chunk = {name: chunk for chunk, names in deal([row["id"] for row in table], 2).items() for name in names}
    at = next(i for i in range(len(table)) if chunk[table[i]["id"]] != chunk[table[i + 1]["id"]])
    return [*table[:at], table[at + 1], table[at], *table[at + 2 :]]


def touch(name, *, repo=False):
    """Edit that renews a file: the same bytes, a later time."""

    def apply(place):
        if repo:
            place.save(name)
        os.utime((place.repo if repo else place.cwd) / name)

    return apply


def renew(name):
    """Edit that changes a byte of a file of the working directory, in the middle of its pixels."""

    def apply(place):
        path = place.cwd / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    return apply


def append(name, line="# edited\n"):
    """Edit that adds a comment to a file of the repository."""

    def apply(place):
        place.save(name)
        with open(place.repo / name, "a", encoding="utf-8") as stream:
            stream.write(line)

    return apply


def module(name):
    """Comment in a module of the package."""
    return append(f"workflow/scripts/clusterphot/{name}.py")


SED = {"fit_sed", "fit_stack_sed", "fit_injected_sed", "summarise_proof"}
OF_MODELS = SED | {
    "check_posteriors", "compare_libraries", "measure_rest_frame", "measure_sensitivity", "measure_stack_rest_frame",
    "classify_sources", "plot_chi2_map", "plot_sensitivity", "plot_stack_sed",
}  # fmt: skip
OF_DISTANCE = SED | {
    "measure_injections",
    "check_posteriors", "compare_libraries", "limit_sizes", "limit_stack_size", "measure_rest_frame",
    "measure_sensitivity", "measure_stack_rest_frame", "plot_chi2_map", "plot_overview", "plot_sizes",
    "simulate_sizes",
}  # fmt: skip
OF_CHUNKS = {
    "cut_sources",
    "fit_sources",
    "join_filters",
    "import_photometry",
    "deredden_photometry",
    "fit_sed",
}
OF_CHUNKS_OF_IMAGES = {"cut_sources", "join_filters"}
MERGES = {"merge_photometry", "merge_dereddened", "merge_sed", "merge_rest_frame", "merge_sizes"}
EDITS = {
    "nothing": Edit("nothing", lambda place: None, set()),
    # ------------------------------------------------------------------ sections of the configuration
    "mosaics": Edit("`mosaics.download_retries`, where no mosaic is a URL", config("mosaics: {download_retries: 3}"), set()),
    "psf stars": Edit("`psf.mag_max`", config("psf: {mag_max: 26.5}"), {"select_stars"}),
    "psf size": Edit("`psf.size_arcsec`", config("psf: {size_arcsec: 1.8}"), {"stack_stars"}),
    "sky": Edit("`photometry.sky`", config("photometry: {sky: plane}"), {"fit_sources", "stack_sources", "measure_injections"}),
    "cutouts": Edit("`photometry.cutout_size_arcsec`", config("photometry: {cutout_size_arcsec: 1.0}"), {"cut_sources", "measure_injections"}),
    "joint fits": Edit("`photometry.joint_radius_arcsec`", config("photometry: {joint_radius_arcsec: 0.5}"), {"cut_sources", "fit_sources", "measure_injections"}),
    "stack": Edit("`stack.method`", config("stack: {method: mean}"), {"stack_sources"}),
    "dust": Edit("`dust.r_v`", config("dust: {r_v: 3.2}"), {"compute_extinction"}),
    "ages": Edit("`sed.age_gyr`", config("sed: {age_gyr: {min: 2.0}}"), {"project_ssp_grid"}),
    "flux floor": Edit("`sed.flux_floor_fraction`", config("sed: {flux_floor_fraction: 0.02}"), SED | {"check_posteriors", "compare_libraries", "fit_black_bodies", "measure_rest_frame", "measure_sensitivity", "measure_stack_rest_frame", "plot_stack_sed"}),
    "masses": Edit("`sed.mass_convention`", config("sed: {mass_convention: faisst2022}"), SED | {"compare_libraries", "plot_masses"}),
    "cosmology": Edit("`cosmology.h0`", config("cosmology: {h0: 68.0}"), OF_DISTANCE | {"measure_bcg", "project_ssp_grid", "project_native_grid"}),
    "more injections": Edit("`proof.n_injections` from 250 to 400", config("proof: {n_injections: 400}"), {"measure_injections", "summarise_proof"}, {"measure_injections": 1, "fit_injected_sed": 1}),
    "figures": Edit("`figures.dpi`", config("figures: {dpi: 60}"), {PLOTS}),
    "chunks": Edit("`batching.n_chunks` from 2 to 3: one chunk is split", config("batching: {n_chunks: 3}"), OF_CHUNKS, {"cut_sources": 4, "fit_sources": 4, "join_filters": 2, "import_photometry": 2, "fit_sed": 4}),
    # ------------------------------------------------------------------ entries of a field
    "redshift": Edit("a field's `redshift`", replace("my.yaml", "redshift: 0.39", "redshift: 0.41"), OF_DISTANCE | {"compute_extinction", "project_ssp_grid", "project_native_grid"}, {"compute_extinction": 1, "project_ssp_grid": 1, "fit_sed": 2}),
    "reddening": Edit("a field's `ebv`", replace("my.yaml", "ebv: 0.18", "ebv: 0.2"), {"compute_extinction"}, {"compute_extinction": 1}),
    "zero point": Edit("a filter's `zero_point_factor`", replace("my.yaml", "zero_point_error: 0.02", "zero_point_error: 0.02, zero_point_factor: 1.1"), {"prepare_mosaic"}, {"prepare_mosaic": 1, "cut_sources": 2, "fit_sources": 2}, {"select_stars", "count_stars"}),
    "zero point error": Edit("a filter's `zero_point_error`", replace("my.yaml", "zero_point_error: 0.02", "zero_point_error: 0.03"), {"join_filters", "join_stacks", "join_systematics"}),
    "exposures": Edit("a filter's `n_exposures`", replace("my.yaml", "zero_point_error: 0.02", "zero_point_error: 0.02, n_exposures: 4"), {"build_psf"}, {"build_psf": 1, "fit_sources": 2}),
    # ------------------------------------------------------------------ input files
    "mosaic": Edit("a mosaic replaced", renew("f150w_sci.fits"), {"prepare_mosaic"}, {"prepare_mosaic": 1, "cut_sources": 2, "fit_sources": 2}, {"select_stars", "count_stars"}),
    "weight": Edit("a weight map replaced", renew("f200w_wht.fits"), {"prepare_mosaic"}, {"prepare_mosaic": 1, "cut_sources": 2, "fit_sources": 4}),
    "psf file": Edit("the user's PSF replaced", renew("f150w_psf.fits"), {"build_psf"}, {"build_psf": 1, "fit_sources": 2}),
    "list touched": Edit("the source list saved again, unchanged", touch("sources.csv"), set()),
    "source added": Edit("a source added, alone: the centre of the list moves", add("lonely"), OF_CHUNKS_OF_IMAGES | {"count_stars"}, {"cut_sources": 2, "fit_sources": 2, "join_filters": 1, "fit_sed": 1}),
    "source added near": Edit("a source added 0.3 arcsec from one of the other chunk", add("other", beside="s01"), OF_CHUNKS_OF_IMAGES, {"cut_sources": 4, "fit_sources": 4, "join_filters": 2, "fit_sed": 2}),
    "source removed": Edit("a source removed", rows(lambda table: [row for row in table if row["id"] != "s05"]), OF_CHUNKS_OF_IMAGES, {"cut_sources": 2, "fit_sources": 2, "join_filters": 1, "fit_sed": 1}),
    "source moved": Edit("a source moved by 0.1 arcsec", move("s05", 0.1), OF_CHUNKS_OF_IMAGES, {"cut_sources": 2, "fit_sources": 2, "join_filters": 1, "fit_sed": 1}),
    "note": Edit("a carried column of one source", rows(lambda table: [table[0] | {"note": "new"}, *table[1:]]), {"join_filters"}, {"join_filters": 1, "fit_sed": 1}),
    "order": Edit("two sources of different chunks change places in the list", rows(swap), MERGES, {"merge_photometry": 1, "merge_sed": 1}),
    "fluxes": Edit("a flux in a table of photometry", replace("small.csv", "29.2,0.5", "29.3,0.5"), {"import_photometry"}, {"import_photometry": 1, "fit_sed": 1}, {"stack_sources", "plot_overview", "measure_profiles", "limit_stack_size", "write_regions"}),
    "stack fluxes": Edit("a flux in the table of a stack", replace("small_stack.csv", "9.79", "9.78"), {"import_stack_photometry"}, {"import_stack_photometry": 1, "fit_stack_sed": 1}),
    "grid file": Edit("the file of an SSP library replaced", touch("resources/ssp/bc03_miles_kroupa.h5", repo=True), {"build_ssp_grid"}),
    "another grid": Edit("another SSP grid as `sed.fiducial_grid`", config("ssp_grids: {again: {reader: embedded}}\nsed: {fiducial_grid: again, grids: [again]}"), {"build_ssp_grid"}, {"build_ssp_grid": 1, "project_ssp_grid": 2, "fit_sed": 4}),
    # ------------------------------------------------------------------ code
    "module sed": Edit("a comment in the module `sed.chi2`", module("sed/chi2"), OF_MODELS),
    "module dust": Edit("a comment in the module `foreground.dust`", module("foreground/dust"), {"compute_extinction", "deredden_photometry", "deredden_stack", "measure_injections"}),
    "module noise": Edit("a comment in the module `psf.noise`", module("psf/noise"), {"measure_noise"}),
    "module combine": Edit("a comment in the module `stack.combine`", module("stack/combine"), {"stack_sources", "measure_profiles", "limit_sizes", "limit_stack_size"}),
    "module style": Edit("a comment in the module `figures.style`", module("figures/style"), {PLOTS}),
    "module errors": Edit("a comment in a module that only words messages", module("base/errors"), set()),
    "driver": Edit("a comment in a driver", append("workflow/scripts/fit_sed.py"), {"fit_sed", "fit_injected_sed"}),
    "rule file": Edit("a comment in a rule file", append("workflow/rules/sed.smk"), set()),
    "readme": Edit("a comment in the configuration's defaults", append("config/config.yaml"), set()),
}  # fmt: skip
