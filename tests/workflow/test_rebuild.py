"""What an edit reruns: exactly the rules that depend on it, in dry runs after a completed run."""

import contextlib
import os

import pytest
from clusterphot.run.chunks import deal
from running import copy_run

REPRODUCED = {"compute_reproduction", "write_reproduction"}
OF_CLUSTERS = {"write_table1", "join_catalogue"}
AFTER_FITS = {"compute_formation"} | REPRODUCED
FITS = {"fit_sed", "merge_sed", "fit_stack_sed", "measure_luminosities"} | OF_CLUSTERS | AFTER_FITS
CHECK = {"check_posteriors"}
OF_FLUXES = {"classify_sources", "measure_luminosities"}
OF_DUST = {"count_stars", "classify_sources", "fit_black_bodies"}
DEREDDENED = {"deredden_photometry", "deredden_stack", "merge_dereddened", "write_table2"}
CHUNKS = {"import_photometry", "deredden_photometry", "fit_sed", "measure_rest_frame"}
MERGES = CHECK | OF_CLUSTERS | {"merge_photometry", "merge_dereddened", "merge_sed", "merge_rest_frame"}
CHUNKS_AND_MERGES = CHUNKS | MERGES | OF_FLUXES | AFTER_FITS | {"write_rescue"}
WITHOUT_MODELS = {"plot_magnitudes", "plot_comparison_colors"}
WITHOUT_FITS = WITHOUT_MODELS | {"plot_stack_sed"}
OF_GALAXIES = {"prepare_comparison", "plot_comparison_colors", "plot_mass_light", "plot_mass_size"}
OF_REST = {"plot_color_magnitude"}
OF_SENSITIVITY = {"plot_sensitivity", "plot_robustness"}
OF_STACK = {"plot_chi2_map", "plot_stack_sed"} | OF_SENSITIVITY
AT_REST = {"measure_rest_frame", "merge_rest_frame", "measure_stack_rest_frame"}
COMPARED = {"compare_libraries", "measure_sensitivity"}
POSTERIORS = FITS | CHECK | AT_REST | COMPARED
AFTER_DUST = POSTERIORS | OF_DUST | DEREDDENED


def plots(completed, kind):
    """Rules of figures: ``all``, those ``of models``, ``of floors``, ``of fits``, ``of masses``, and so on."""
    every = {rule for rule in completed.run.jobs if rule.startswith("plot_")}
    return {
        "all": every,
        "of models": every - WITHOUT_MODELS - OF_REST,
        "of fits": every - WITHOUT_FITS,
        "of floors": every - WITHOUT_MODELS,
        "of masses": every - WITHOUT_FITS - OF_REST - OF_SENSITIVITY,
        "of sensitivity": OF_SENSITIVITY,
        "of clusters": every - OF_STACK,
        "none": set(),
    }[kind]


@pytest.fixture
def run_copy(completed, tmp_path):
    """Copy of the completed run in which files may be edited."""
    return copy_run(completed.cwd, tmp_path / "work")


@pytest.fixture
def replan(completed, run_copy, snakemake):
    """Function that plans the run again, after more configuration or an edit of its table."""

    def plan(more="", table=None):
        (run_copy / "more.yaml").write_text(more or "{}\n")
        if table:
            path = run_copy / "small.csv"
            path.write_text(table(path.read_text(encoding="utf-8")), encoding="utf-8")
        files = ["small.yaml", "more.yaml"] if more else ["small.yaml"]
        return snakemake.plan("--configfile", *files, cwd=run_copy, repo=completed.repo)

    return plan


@contextlib.contextmanager
def edited(path, *, append=""):
    """A file with a line appended, or only touched; then as it was."""
    content, status = path.read_bytes(), path.stat()
    try:
        path.write_bytes(content + append.encode())
        yield
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_nothing_changed(replan):
    assert replan().jobs == {}


@pytest.mark.parametrize(
    ("more", "rules", "figures"),
    [
        ("sed: {flux_floor_fraction: 0.02}", POSTERIORS | {"fit_black_bodies"}, "of floors"),
        ("sed: {mass_convention: faisst2022}", FITS | {"compare_libraries"}, "of masses"),
        ("sed: {four_color_dir: colors}", FITS | {"compare_libraries"}, "of masses"),
        (
            "sed: {age_gyr: {min: 2.0}}",
            FITS | COMPARED | {"project_ssp_grid", "classify_sources"},
            "of models",
        ),
        ("sed: {posterior: {zero_point_error: 0.05}}", POSTERIORS, "of fits"),
        ("sed: {posterior: {age_gyr: {max: 9.0}}}", POSTERIORS | {"project_native_grid"}, "of fits"),
        ("sed: {rest_frame_filters: [bessell_R]}", AT_REST | OF_REST | {"project_native_grid"}, "none"),
        ("sed: {comparison: {zero_point_errors: [0.1]}}", COMPARED, "of sensitivity"),
        ("sed: {robustness: {level: 0.9}}", {"measure_sensitivity"}, "of sensitivity"),
        ("forecast: {seed: 2}", set(), "none"),
        (
            "fields: {small: {redshift: 0.5}}",
            AFTER_DUST
            | {"project_ssp_grid", "project_native_grid", "compute_extinction", "prepare_comparison"},
            "all",
        ),
        ("fields: {small: {ebv: 0.2}}", AFTER_DUST | {"compute_extinction"}, "all"),
        ("dust: {r_v: 3.2}", AFTER_DUST | {"compute_extinction"}, "all"),
        ("figures: {dpi: 60}", set(), "all"),
        ("batching: {n_chunks: auto}", CHUNKS_AND_MERGES, "of clusters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_changed_key(completed, replan, run_copy, more, rules, figures):
    """A new redshift means new dust too: extinction is weighted with the redshifted spectrum."""
    (run_copy / "colors").mkdir()
    for name in ("m42", "m52"):
        content = "#log-age-yr Mbol M*/Lv M*\n5.0 1 0.1 1.0\n10.3 1 5.0 0.5\n"
        (run_copy / "colors" / f"bc2003_lr_{name}_chab_ssp.4color").write_text(content)
    assert set(replan(more + "\n").jobs) == rules | plots(completed, figures)


def chunks_of(run, rule_words):
    """Chunks that the jobs whose message holds these words are about."""
    return {message.split(":")[0].split()[1] for message in run.messages if rule_words in message}


def test_an_edited_row_reruns_its_chunk(completed, replan):
    run = replan(table=lambda text: text.replace("29.2,0.5", "29.3,0.5"))
    assert set(run.jobs) == CHUNKS_AND_MERGES | plots(completed, "of clusters")
    assert {run.jobs[rule] for rule in CHUNKS} == {1}
    assert chunks_of(run, "take the photometry") == chunks_of(run, "fit bc03 populations") == {"c000"}


def test_a_new_source_reruns_its_chunk_and_the_merges(completed, replan):
    (chunk,) = deal(["added"], 2)
    run = replan(table=lambda text: text + "added,110.8,-73.46,9.4,1.2,22.7,0.3,20.3,0.3,new\n")
    assert set(run.jobs) == CHUNKS_AND_MERGES | plots(completed, "of clusters")
    assert {run.jobs[rule] for rule in CHUNKS} == {1}
    assert chunks_of(run, "take the photometry") == chunks_of(run, "fit bc03 populations") == {chunk}


def test_a_touched_table_reruns_nothing(replan):
    assert replan(table=lambda text: text).jobs == {}


def test_a_new_order_of_rows_reruns_what_holds_it(completed, replan):
    """Sources of one chunk swapped with those of another: chunks keep their rows, merges their order."""

    def swap(text):
        header, *lines = text.splitlines(keepends=True)
        lines[1], lines[2] = lines[2], lines[1]
        return "".join([header, *lines])

    rules = MERGES | OF_FLUXES | AFTER_FITS | {"write_rescue"}
    assert set(replan(table=swap).jobs) == rules | plots(completed, "of clusters")


@pytest.mark.parametrize(
    ("more", "rules"),
    [
        ("comparison: {redshift_width: 0.04}", OF_GALAXIES),
        ("comparison: {catalogue: null}", OF_GALAXIES - {"prepare_comparison"}),
        ("comparison: {size_limit_pc: 80}", {"plot_mass_size"}),
        ("comparison: {specific_frequency: [2, 20]}", {"measure_luminosities", "plot_luminosities"}),
        ("contamination: {galaxy_fraction: 0.2}", {"classify_sources"}),
        (
            "stars: {bin_mag: 1.0}",
            {"count_stars", "classify_sources", "plot_magnitudes"} | REPRODUCED,
        ),
        (
            "figures: {black_body_k: [3000]}",
            {"fit_black_bodies", "plot_stack_sed", "plot_comparison_colors"} | REPRODUCED,
        ),
    ],
)
def test_a_changed_key_of_comparisons(replan, more, rules):
    assert set(replan(more + "\n").jobs) == rules


def test_a_new_comparison_catalogue_reruns_only_the_figures_that_use_it(run_copy, replan):
    path = run_copy / "galaxies.csv"
    path.write_text(path.read_text(encoding="utf-8") + "0.39,10.2,3.0,-12,22.0,21.5,21.0\n", encoding="utf-8")
    assert set(replan().jobs) == OF_GALAXIES
    path = run_copy / "other.csv"
    path.write_text((run_copy / "galaxies.csv").read_text(encoding="utf-8"), encoding="utf-8")
    assert set(replan("comparison: {catalogue: other.csv}\n").jobs) == OF_GALAXIES


@pytest.mark.parametrize(
    ("module", "rules", "figures"),
    [
        ("sed/chi2", POSTERIORS | OF_REST | {"classify_sources"}, "of models"),
        ("foreground/dust", AFTER_DUST | {"compute_extinction"}, "all"),
        ("publish/paper_tables", {"write_table1", "write_table2"}, "none"),
        ("comparisons/bcg", set(), "none"),
        ("publish/machine_tables", {"write_table1", "write_table2", "write_rescue"}, "none"),
        ("validation/page", {"write_reproduction"}, "none"),
        ("validation/values", REPRODUCED, "none"),
        ("psf/build", set(), "none"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_edited_module_reruns_its_stage_and_what_follows(completed, replan, module, rules, figures):
    path = completed.repo / "workflow" / "scripts" / "clusterphot" / f"{module}.py"
    with edited(path, append="# edited\n"):
        assert set(replan().jobs) == rules | plots(completed, figures)


def test_touched_modules_rerun_nothing(completed, replan):
    with contextlib.ExitStack() as stack:
        for path in (completed.repo / "workflow" / "scripts" / "clusterphot").rglob("*.py"):
            stack.enter_context(edited(path))
        assert replan().jobs == {}
