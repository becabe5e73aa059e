"""Load and validate the configuration and the users' tables; `get_*` functions for the rules.

Inputs: config, the tables it names. Outputs: names used in the rule files (FIELDS, FILTERS, ...).
Rules: none.
"""

import atexit
import copy
import functools
import os
import sys
from pathlib import Path

REPO = Path(str(workflow.current_basedir)).resolve().parents[1]
SCRIPTS = REPO / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from clusterphot.base.detectors import find_detector
from clusterphot.base.errors import ConfigError, UserError
from clusterphot.base.files import content_digest
from clusterphot.config.detection import InjectionKeys, PopulationKeys, SearchKeys, SelectionKeys, TileKeys
from clusterphot.config.fields import PHASE_KEYS
from clusterphot.config.keys import keys_of
from clusterphot.config.luminosity import BinningKeys, FunctionKeys, OldClusterKeys
from clusterphot.config.photometry import FitKeys
from clusterphot.config.proof import DrawKeys
from clusterphot.config.psf import StampKeys, StarKeys
from clusterphot.config.sizes import LimitKeys, PsfWidthKeys
from clusterphot.config.stack import StackKeys
from clusterphot.figures.registry import FIGURES, SECTIONS, figures_of, find_figure, message_of
from clusterphot.measure import engines
from clusterphot.run import chunks, configuration, fields, folders, locks, slurm
from clusterphot.run.codes import Sources, folder_digest, params_digest

MODULE = __name__
"""Name that another workflow gave to this one in its `module` statement; None for this workflow by itself."""

ENV = str(REPO / "envs" / "clusterphot.yaml")
BY_CONDA = "conda" in {str(method) for method in workflow.deployment_settings.deployment_method}
TRACTOR_ENV = str(REPO / "envs" / "tractor.yaml")


def stop_at_mistakes(function, *args, **kwargs):
    """Call a function; a mistake of the user ends the run with its message alone."""
    try:
        return function(*args, **kwargs)
    except UserError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)


folders.tell_in_our_words()
if workflow.is_main_process:
    stop_at_mistakes(folders.check_folders)
    atexit.register(folders.tell_full_disk)
    with locks.one_at_a_time():
        if (dead := locks.release_stale_lock()) is not None:
            which = f"(process {dead}) " if dead else ""
            print(f"The lock of a run that died {which}is removed.", file=sys.stderr)
        if not workflow.dryrun and (reason := locks.record_run()):
            print(locks.UNLOCKED.format(reason=reason), file=sys.stderr)


def check_slurm():
    """Before the first job goes to SLURM: it takes jobs of these sizes, and none of a run that died are left in it."""
    settings, asked, dag = workflow.executor_settings, workflow.resource_settings, workflow.dag
    slurm.check_cluster(
        slurm.places(asked.default_resources, asked.overwrite_resources),
        status_command=settings.status_command,
        seconds_between=settings.init_seconds_before_status_checks,
        cores=asked.cores or 1,
    )
    sent = {dag.get_job_group(job) or job for job in dag.needrun_jobs() if not job.is_local}
    slurm.check_sizes((job.name, {**dict(job.resources.items()), "cores": job.threads}) for job in sent)
    holds_lock = workflow.execution_settings.lock
    if holds_lock and (left := slurm.jobs_in_queue(os.getcwd())):
        print(f"SLURM jobs of a run that died are cancelled: {' '.join(left)}", file=sys.stderr)
        slurm.cancel_jobs(left)


onstart:
    if workflow.executor_plugin.name == "slurm":
        stop_at_mistakes(check_slurm)


def check_place():
    """The workflow lies where Snakemake can start jobs, and names of files are read as they were written."""
    if " " in str(REPO):
        where = f"the folder of the workflow, {REPO}"
        raise ConfigError(
            where, "a space in its path", "none: Snakemake cannot start jobs there", "move the folder."
        )
    if sys.getfilesystemencoding() != "utf-8":
        hint = "set PYTHONUTF8=1, or a locale such as C.UTF-8."
        raise ConfigError("names of files", sys.getfilesystemencoding(), "UTF-8", hint)


if workflow.is_main_process:
    stop_at_mistakes(check_place)


def load_fields():
    """The fields of the run, or an end with all mistakes that `make check` would find too."""
    place = {"repo": REPO, "user_files": [str(path) for path in workflow.overwrite_configfiles]}
    if MODULE:  # what the command line gives belongs to the workflow that uses this one
        place["given_by"] = f"config of the module {MODULE}"
    else:
        place["command_line"] = configuration.typed_values(workflow.config_settings.config or {})
    given = copy.deepcopy(dict(config))
    try:
        return fields.load(config, **place, check=workflow.is_main_process, software_here=not BY_CONDA)
    except UserError as error:
        from clusterphot.run.checks.run import all_mistakes

        mistakes = all_mistakes(error, given, **place)
    for mistake in mistakes:
        print(f"{type(mistake).__name__}: {mistake}", file=sys.stderr)
    if len(mistakes) > 1:
        print(f"{len(mistakes)} mistakes; `make check` names warnings too.", file=sys.stderr)
    sys.exit(1)


FIELDSET = load_fields()
FIELDS = FIELDSET.names
GRIDS = config["sed"]["grids"]
FIDUCIAL_GRID = config["sed"]["fiducial_grid"]
FIT_ENV = str(REPO / "envs" / f"{engines.ENGINES[config['photometry']['engine']].environment}.yaml")
ENGINES = config["photometry"]["compare_engines"]
FIELDS_WITH_SOURCES = [field.name for field in FIELDSET if field.table is not None]
COMPARED_FIELDS = FIELDSET.given_by_mosaics if ENGINES else []
PROVEN_FIELDS = FIELDSET.proven
FIELDS_SEARCHED_BY_MASS = FIELDSET.searched_by_mass if config["completeness"]["n_of_mass"] else []


wildcard_constraints:
    field=fields.alternatives(FIELDS),
    filter=fields.alternatives(FIELDSET.all_filters),
    grid=fields.alternatives(config["ssp_grids"]),
    chunk=chunks.NAME,
    tile=r"t\d+",
    run=r"r\d+",
    projection=fields.alternatives(FIELDSET.projections),


SOURCES = Sources(SCRIPTS)


def code_digest(rule, driver=None, modules=()):
    """Params function: digest of the modules that a rule's driver uses, and of the rule's plain params by their names.

    An edited module then reruns the rules that use it, and two params that swap their values are a change. The driver
    has the name of the rule unless given; ``modules`` are those that it imports by name.
    """

    @functools.cache
    def digest():
        code = SOURCES.digest(driver or rule, modules)
        return " ".join([code, *params_digest(getattr(rules, rule).params)])

    return lambda wildcards: digest()


def figure(path):
    """A figure's PNG, marked for Snakemake's own report with the texts of its entry among the figures."""
    entry, _ = find_figure(path)
    return report(
        path,
        caption="../report/figure.rst",
        category=SECTIONS[entry.section],
        subcategory="{field}",
        labels={"figure": entry.title, **({entry.each: f"{{{entry.each}}}"} if entry.each else {})},
    )


def figure_digest(name):
    """`code_digest` of the rule of a figure."""
    return code_digest(f"plot_{name}", "plot_figure", [f"figures.{name}"])


def get_resource(name):
    """Path of a file shipped in resources/."""
    return str(REPO / "resources" / name)


def get_comparison_value(name):
    """Params function: one key of the field's entry that only comparisons use, or None."""
    return lambda wildcards: FIELDSET[wildcards.field].comparisons.get(name)


def get_user_star_counts(wildcards):
    """The user's own table of star counts, or none."""
    return FIELDSET[wildcards.field].comparisons.get("star_counts", [])


def get_reference_mosaic(wildcards):
    """The mosaic of the reference filter; none for a field given by its photometry."""
    field = FIELDSET[wildcards.field]
    return f"results/{field.name}/{field.reference_filter}/mosaic.fits" if field.mosaics else []


def get_comparison(wildcards):
    """Galaxies of the user's comparison catalogue near the field's redshift, or none."""
    return f"results/{wildcards.field}/comparison.ecsv" if config["comparison"]["catalogue"] else []


def get_chunk_ids(wildcards):
    """Ids of the sources in a chunk."""
    return stop_at_mistakes(FIELDSET[wildcards.field].chunk_ids, wildcards.chunk)


def get_chunk_digest(wildcards):
    """Digest of the user's rows in a chunk: a changed row reruns its chunk, not the others."""
    return fields.rows_digest(FIELDSET[wildcards.field].table, get_chunk_ids(wildcards))


def get_chunks(pattern):
    """Input function: ``pattern`` for each chunk of the field."""

    def of_field(wildcards):
        chunks = stop_at_mistakes(FIELDSET[wildcards.field].listed_chunks)
        return expand(pattern, chunk=list(chunks), **dict(wildcards))

    return of_field


def get_photometry_chunk(wildcards):
    """Fluxes of a chunk with the errors to use: as the fits gave them, or rescaled."""
    rescaled = config["photometry"]["rescale_errors"] == "proof" and wildcards.field in PROVEN_FIELDS
    kind = "photometry_rescaled" if rescaled else "photometry"
    return f"results/{wildcards.field}/{kind}/{wildcards.get('chunk', '{chunk}')}.ecsv"


def get_photometry_chunks(wildcards):
    """The same of all chunks."""
    return get_chunks(get_photometry_chunk(wildcards))(wildcards)


def get_field_value(name):
    """Params function: one value of the field's entry."""
    return lambda wildcards: getattr(FIELDSET[wildcards.field], name)


def get_where(has, pattern):
    """Input function: ``pattern`` of a field that has this, else none."""
    return lambda wildcards: pattern.format(**wildcards) if getattr(FIELDSET[wildcards.field], has) else []


def get_simulated_clusters(wildcards):
    """Table of the fluxes of the clusters put into a simulated field."""
    table = FIELDSET[wildcards.field].simulation.get("clusters")
    return table or get_resource("faisst2022/table1.csv")


def get_noise_correlation(wildcards):
    """Measured correlation of the noise of a simulated field, where one is named."""
    return FIELDSET[wildcards.field].simulation.get("noise_correlation") or []


def get_magnification_maps(wildcards):
    """Maps of the magnification of a field and of its error, where it names any."""
    entry = FIELDSET[wildcards.field].magnification or {}
    return [entry[key] for key in ("map", "error") if isinstance(entry.get(key), str)]


def get_calibration_factors(wildcards):
    """The user's table of factors that bring a field to another calibration, where it names one."""
    return (FIELDSET[wildcards.field].calibration or {}).get("factors", [])


def get_shared_filters(wildcards):
    """Filters of a field and of the one that holds the same sources."""
    field = FIELDSET[wildcards.field]
    return [filt for filt in field.filters if filt in FIELDSET[field.same_sources_as].filters]


def get_shared_photometry(other):
    """Input function: fluxes of a field, or of the one that holds the same sources; of both the same kind."""

    def of_field(wildcards):
        pair = [FIELDSET[wildcards.field], FIELDSET[FIELDSET[wildcards.field].same_sources_as]]
        kind = "photometry_dereddened" if any(field.is_dereddened for field in pair) else "photometry"
        return f"results/{pair[other].name}/{kind}.ecsv"

    return of_field


def get_shared_mosaics(other):
    """Input function: mosaics of the shared filters of a field, or of the one that holds the same sources."""

    def of_field(wildcards):
        field = FIELDSET[wildcards.field]
        field = FIELDSET[field.same_sources_as] if other else field
        shared = get_shared_filters(wildcards) if field.mosaics else []
        return [f"results/{field.name}/{filt}/mosaic.fits" for filt in shared]

    return of_field


def get_published_table(wildcards):
    """The user's table of published values, where it is another than that of the sources."""
    return FIELDSET[wildcards.field].compare_with.get("table", [])


def get_compared_fields(wildcards=None):
    """What the fields of a run are compared by: name, redshift, filters and the paths of their tables."""
    return [fields.compared_tables(FIELDSET[name], FIDUCIAL_GRID) for name in FIELDS_WITH_SOURCES]


def get_compared_tables(wildcards):
    """Tables of all fields; those of targets that the main job does not make, where they have been made."""
    return [
        path
        for about in get_compared_fields()
        for path in about.values()
        if isinstance(path, str) and path.startswith("results/")
    ]


def get_fields_files():
    """Files of the page of all fields, in a run of more than one."""
    if len(FIELDS_WITH_SOURCES) < 2:
        return {}
    files = {"compared": "fields.ecsv", "differences": "fields_differences.ecsv", "figure": "fields.png"}
    return {name: f"results/{file}" for name, file in files.items()}


def get_fields_page():
    """The page of all fields, in a run of more than one."""
    return {"compared": "results/report/fields.html"} if len(FIELDS_WITH_SOURCES) > 1 else {}


def get_mosaic_url(wildcards):
    """URL of the sci, wht or err file of a mosaic, without its secrets: the job asks for the whole one."""
    return getattr(FIELDSET[wildcards.field].mosaics[wildcards.filter], wildcards.kind)


def content_of(get):
    """Params function: digest of samples of the user's files that ``get`` names: their times may tell nothing.

    A mosaic copied over another with its old time (`cp -p`, `rsync -t`) is newer for nobody. Files that the workflow
    makes or fetches are not among them.
    """

    def digest(wildcards):
        named = get(wildcards) if callable(get) else get
        paths = (
            list(named.values()) if isinstance(named, dict) else [named] if isinstance(named, str) else named
        )
        own = ("results/", "resources/fetched/")
        given = [path for path in paths or [] if not str(path).startswith(own)]
        return content_digest(given) if given else None

    return digest


def get_mosaic_files(wildcards):
    """Files of a mosaic on disk, by kind."""
    entry = FIELDSET[wildcards.field].mosaics[wildcards.filter]
    local = {kind: entry.local(kind, wildcards.field, wildcards.filter) for kind in ("sci", "wht", "err")}
    return {kind: path for kind, path in local.items() if path is not None}


def get_user_psf(wildcards):
    """The user's own PSF file of a filter, or none."""
    return FIELDSET[wildcards.field].mosaics[wildcards.filter].psf or []


def get_star_psfs(wildcards):
    """Mean PSFs of the stars in all filters of the same channel; none for a filter whose PSF the user gave."""
    mosaics = FIELDSET[wildcards.field].mosaics
    if mosaics[wildcards.filter].psf:
        return []
    part = find_detector({}, wildcards.filter)
    same = [name for name, mosaic in mosaics.items() if not mosaic.psf and find_detector({}, name) == part]
    return expand("results/{field}/{filter}/star_psf.fits", field=wildcards.field, filter=same)


def get_reference_fits(wildcards):
    """Fits of the same chunk in the reference filter, and the offset from it; nothing in that filter itself."""
    reference = FIELDSET[wildcards.field].reference_filter
    if wildcards.filter == reference:
        return {}
    return {
        "reference": f"results/{wildcards.field}/{reference}/fits/{wildcards.chunk}.ecsv",
        "offset": f"results/{wildcards.field}/{wildcards.filter}/offset.ecsv",
    }


def get_all_reference_fits(wildcards):
    """As `get_reference_fits`, of all chunks; nothing in the reference filter itself."""
    if wildcards.filter == FIELDSET[wildcards.field].reference_filter:
        return {}
    return {
        "reference": get_reference_chunks(wildcards),
        "offset": f"results/{wildcards.field}/{wildcards.filter}/offset.ecsv",
    }


def get_mosaic_value(name):
    """Params function: one value of a mosaic's entry."""
    return lambda wildcards: getattr(FIELDSET[wildcards.field].mosaics[wildcards.filter], name)


def get_mosaic_values(names):
    """Params functions of several values of a mosaic's entry, by name."""
    return {name: get_mosaic_value(name) for name in names}


def get_exposures(wildcards):
    """The user's table of the exposures of a mosaic, or none."""
    return FIELDSET[wildcards.field].mosaics[wildcards.filter].exposures or []


def get_reference_filter(pattern):
    """Input function: ``pattern`` in the reference filter of the field."""
    return lambda wildcards: pattern.format(
        reference=FIELDSET[wildcards.field].reference_filter, **dict(wildcards)
    )


def get_size_filter(pattern):
    """Input function: ``pattern`` in the filter in which sizes are measured."""
    return lambda wildcards: pattern.format(
        filter=FIELDSET[wildcards.field].size_filter(config["sizes"]["filter"]), **dict(wildcards)
    )


def get_size_cutouts(wildcards):
    """Cutouts of all chunks in the filter in which sizes are measured."""
    return get_chunks(get_size_filter("results/{field}/{filter}/cutouts/{{chunk}}.fits")(wildcards))(
        wildcards
    )


def get_reference_chunks(wildcards):
    """Fits of all chunks in the reference filter, for the errors of the positions."""
    field = FIELDSET[wildcards.field]
    return [f"results/{field.name}/{field.reference_filter}/fits/{chunk}.ecsv" for chunk in field.chunks]


def get_filters(pattern):
    """Input function: ``pattern`` for each filter of the field."""
    return lambda wildcards: expand(pattern, filter=FIELDSET[wildcards.field].filters, **dict(wildcards))


def get_catalogue_tables(wildcards):
    """Fluxes as observed and sizes, of a field that has them."""
    field = FIELDSET[wildcards.field]
    tables = {} if field.is_dereddened else {"observed": f"results/{field.name}/photometry.ecsv"}
    return tables | ({"sizes": f"results/{field.name}/sizes/limits.ecsv"} if field.mosaics else {})


def get_source_list(wildcards):
    """The source list of a field, or none where it is to be found first."""
    return FIELDSET[wildcards.field].source_list or []


def get_other_filters(pattern):
    """Input function: ``pattern`` for each filter of the field but the reference filter."""

    def others(wildcards):
        field = FIELDSET[wildcards.field]
        filters = [filt for filt in field.filters if filt != field.reference_filter]
        return expand(pattern, filter=filters, **dict(wildcards))

    return others


def get_tiles(pattern):
    """Input function: ``pattern`` for each job of the search of a field."""
    tiles = [f"t{number:03d}" for number in range(config["detection"]["n_tiles"])]
    return lambda wildcards: expand(pattern, tile=tiles, **dict(wildcards))


def get_injection_runs(pattern, key="n_injections"):
    """Input function: ``pattern`` for each run of ``key`` artificial clusters; of fixed size, so that more runs add."""
    section = config["completeness"]
    runs = [f"r{number:03d}" for number in range(-(-section[key] // section["n_per_run"]))]
    return lambda wildcards: expand(pattern, run=runs, field=wildcards.field)


def get_proof_chunks(pattern):
    """Input function: ``pattern`` for each chunk of artificial clusters and blank places; of fixed size."""
    section = config["proof"]
    number = -(-max(section["n_injections"], section["n_blank"]) // section["n_per_chunk"])
    chunks = [f"c{k:03d}" for k in range(number)]
    return lambda wildcards: expand(pattern, chunk=chunks, **dict(wildcards))


def get_numbers(key):
    """Params function: first number of a chunk of what is proven, and that after its last; both ends within ``key``."""
    total, size = config["proof"][key], config["proof"]["n_per_chunk"]

    def ends(wildcards):
        first = int(wildcards.chunk.removeprefix("c")) * size
        return [min(first, total), min(first + size, total)]

    return ends


def get_compared_maps(wildcards):
    """Maps of light or mass that the clusters of a field are compared with."""
    return config["luminosity"]["compare_maps"].get(wildcards.field, [])


def get_v_filter(wildcards):
    """Filter of a field nearest to rest-frame V, or that of `sed.v_filter`."""
    from clusterphot.sed.v_light import v_filter

    wanted, field = config["sed"]["v_filter"], FIELDSET[wildcards.field]
    return v_filter(field.filters, field.redshift) if wanted == "auto" else wanted


def get_v_mosaic(wildcards):
    """Mosaic of that filter."""
    return f"results/{wildcards.field}/{get_v_filter(wildcards)}/mosaic.fits"


def get_reference(pattern):
    """Input function: ``pattern`` for the reference filter of a field."""
    return lambda wildcards: expand(
        pattern, field=wildcards.field, filter=FIELDSET[wildcards.field].reference_filter
    )[0]


def get_sides_of_color(wildcards):
    """Two filters whose colour parts the clusters of a field in blue and red; None for a field of one filter."""
    colours = config["luminosity"]["colours"]
    if colours != "auto":
        return colours[0].split("-") if colours else None
    field = FIELDSET[wildcards.field]
    bluer = [name for name in field.filters if name != field.reference_filter]
    return [bluer[0], field.reference_filter] if bluer else None


def get_keys(section, group):
    """Params of the keys of a section that go together, by name."""
    return {key: config[section][key] for key in keys_of(group)}


def get_chunk_members(wildcards):
    """Members of a chunk with positions and neighbours, for the cutouts."""
    field = FIELDSET[wildcards.field]
    return stop_at_mistakes(fields.chunk_members, field, wildcards.chunk, config["photometry"])


def get_ssp_library(wildcards):
    """The files a grid is read from."""
    return stop_at_mistakes(FIELDSET.libraries.files, wildcards.grid)


def get_grid_path(kind, grid, projection):
    """Path of a grid of fluxes: ``projected`` with the ages of the best fits, ``native`` with all of the library."""
    return f"results/ssp/{grid}/{kind}/{projection.digest}.h5"


def get_field_grid(kind, grid=None):
    """Input function: grid of fluxes at the field's redshift and in its filters, shared by fields where both agree."""
    return lambda wildcards: get_grid_path(kind, grid or wildcards.grid, FIELDSET[wildcards.field].projection)


def get_chunk_redshift(wildcards):
    """Redshift at which the sources of a chunk are fitted."""
    return stop_at_mistakes(FIELDSET[wildcards.field].chunk_redshift, wildcards.chunk)


def get_redshift_columns(wildcards):
    """Columns on the redshift of a chunk's sources, of a field that has sources at several; None for other fields."""
    field, redshift = FIELDSET[wildcards.field], get_chunk_redshift(wildcards)
    if not field.own_redshifts:
        return None
    return {"redshift": redshift, "at_field_redshift": redshift == field.redshift}


def get_chunk_grid(kind, grid=None):
    """Input function: grid of fluxes at the redshift of a chunk's sources and in the filters of its field."""

    def of_chunk(wildcards):
        projection = FIELDSET[wildcards.field].projection_at(get_chunk_redshift(wildcards))
        return get_grid_path(kind, grid or wildcards.grid, projection)

    return of_chunk


def get_all_grids(kind):
    """Input function: the projected or native grids of all libraries to be fitted, at the field's redshift."""
    return lambda wildcards: [
        get_grid_path(kind, grid, FIELDSET[wildcards.field].projection) for grid in GRIDS
    ]


def get_rest_frame_grid(wildcards):
    """All ages of the library through the rest-frame filters, at redshift 0."""
    return get_grid_path("native", wildcards.grid, FIELDSET.at_rest)


def get_forecast_grid(wildcards):
    """Grid of the forecast: all ages, through the filters that are there and those to choose from."""
    section = config["forecast"]
    if workflow.is_main_process:
        stop_at_mistakes(fields.check_forecast, section, FIELDSET.libraries)
    return get_grid_path("native", section["grid"], FIELDSET.of_forecast)


def get_projection_value(name):
    """Params function: redshift or filters of a grid of fluxes."""
    return lambda wildcards: getattr(FIELDSET.projections[wildcards.projection], name)


def get_readers(wildcards):
    """Reader of each library to be fitted, by its name."""
    return {grid: config["ssp_grids"][grid]["reader"] for grid in GRIDS}


def get_forecast_depths():
    """Depths of the filters of the forecast alone."""
    section = config["forecast"]
    return {filt: section["depths_mag"][filt] for filt in [*section["baseline"], *section["extra"]]}


def get_named_zero_point_errors(wildcards):
    """Fractional error of the zero point of each filter whose error the user named."""
    mosaics = FIELDSET[wildcards.field].mosaics
    return {
        filt: entry.zero_point_error for filt, entry in mosaics.items() if entry.zero_point_error is not None
    }


def get_zero_point_errors(wildcards):
    """The same of all filters, 0 where the user named none."""
    return dict.fromkeys(FIELDSET[wildcards.field].mosaics, 0.0) | get_named_zero_point_errors(wildcards)


def get_reproduction_products(wildcards):
    """Tables and images of a field that numbers of Faisst et al. (2022) are computed from, by name."""
    field, grid = FIELDSET[wildcards.field], FIDUCIAL_GRID
    folder = f"results/{field.name}"
    products = {
        "photometry": f"{folder}/photometry_dereddened.ecsv",
        "extinction": f"{folder}/extinction.ecsv",
        "clusters": f"{folder}/sed/{grid}/clusters.ecsv",
        "formation": f"{folder}/sed/{grid}/formation.ecsv",
        "grid": get_field_grid("projected", FIDUCIAL_GRID)(wildcards),
        "four_color": get_four_color_files(wildcards),
    }
    if field.center_deg is not None:
        products["star_counts"] = f"{folder}/star_counts.ecsv"
    if field.has_stack:
        products["stack"] = f"{folder}/sed/{grid}/stack.ecsv"
        products["chi2_map"] = f"{folder}/sed/{grid}/chi2_map.fits"
        products["stack_photometry"] = f"{folder}/stack_photometry.ecsv"
        products["black_bodies"] = f"{folder}/black_bodies.ecsv"
    if field.mosaics:
        products["psf"] = [f"{folder}/{filt}/psf.fits" for filt in field.filters]
        products["size_limits"] = f"{folder}/sizes/limits.ecsv"
        products["size_detection"] = f"{folder}/sizes/detection.ecsv"
        products["stack_methods"] = f"{folder}/stack_methods.ecsv"
    if field.needs_stars:
        products["stars"] = f"{folder}/stars.ecsv"
    return products


def get_reproduction_role(wildcards):
    """What a field is beside the paper's: its published fluxes, a simulation, or another field."""
    field = FIELDSET[wildcards.field]
    if field.simulation is not None:
        return "simulated"
    shipped = Path(get_resource("faisst2022/table1.csv"))
    return "published" if field.photometry and Path(field.photometry).resolve() == shipped else "other"


def get_reproduction_reference(wildcards):
    """Filter in which sources are to be seen first: the field's reference filter, else that of the paper."""
    return FIELDSET[wildcards.field].reference_filter or "F200W"


def get_image_setting(value):
    """Params function: a setting, for fields given by their mosaics; None for others, which do not use it."""
    return lambda wildcards: value if FIELDSET[wildcards.field].mosaics else None


def get_four_color_files(wildcards):
    """The GALAXEV .4color files named by the configuration, if any."""
    return fields.four_color_files(config["sed"]["four_color_dir"])


REPORT_GRIDS = [FIDUCIAL_GRID, *(grid for grid in GRIDS if grid != FIDUCIAL_GRID)]


def templates_digest(folder):
    """Digest of the templates of pages, so that an edited one rewrites the pages."""
    return folder_digest(REPO / "workflow" / "scripts" / "clusterphot" / folder)


def get_card_images(wildcards):
    """Cutouts, fits, PSFs and noise of a chunk in all filters; nothing for a field without images."""
    return fields.card_images(FIELDSET[wildcards.field], wildcards.chunk)


def get_report_tables(wildcards):
    """Files that the pages of a field show beside those that every field has."""
    files = fields.report_tables(FIELDSET[wildcards.field], REPORT_GRIDS)
    if config["population"]["in_report"]:
        files["population"] = f"results/{wildcards.field}/population/{FIDUCIAL_GRID}.ecsv"
    return files


def get_report_grids(pattern):
    """Input function: ``pattern`` for each grid, the fiducial one first."""
    return lambda wildcards: expand(pattern, grid=REPORT_GRIDS, **dict(wildcards))


def get_report_figures(wildcards):
    """The figures of a field as PNG; their PDFs are made with them."""
    return figures_of(FIELDSET[wildcards.field], GRIDS, ENGINES)


def get_figure_jobs(wildcards):
    """What the figures of a field are drawn from: input and params of their jobs, by path."""
    made = {}
    for path in get_report_figures(wildcards):
        entry, words = find_figure(path)
        plot, values = getattr(rules, entry.rule), type(wildcards)(fromdict={**wildcards, **words})
        given = [item(values) if callable(item) else str(item).format(**values) for item in plot.input]
        made[path] = {
            "input": [file for item in given for file in ([item] if isinstance(item, str) else item)],
            "params": {name: value for name, value in plot.params.items() if not callable(value)},
        }
    return made


REPORT_CONFIG = {name: config[name] for name in ("psf", "photometry", "stack")} | {
    "sed": {"fiducial_grid": config["sed"]["fiducial_grid"]}
}
"""Parts of the configuration that files without metadata of their own were made with."""


def get_report_codes():
    """Digest of the code of the rules that make figures, and images without metadata of their own."""
    drivers = (
        "prepare_mosaic",
        "stack_stars",
        "build_psf",
        "check_psf",
        "measure_noise",
        "measure_offset",
        "stack_sources",
        "build_ssp_grid",
    )
    codes = {driver: SOURCES.digest(driver) for driver in drivers}
    return codes | {plot.rule: SOURCES.digest("plot_figure", [f"figures.{plot.name}"]) for plot in FIGURES}
