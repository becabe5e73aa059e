"""A user's own field of two bands and thirty sources in another directory: results, and what an edit reruns.

One file, so that the tests of one process share the one completed run.
"""

import csv

import clusterphot
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from clusterphot.base.flags import Flag
from clusterphot.base.psf_field import read_psf_field
from clusterphot.run.chunks import deal, single_chunk
from image_field import EDGE, FILTERS, OUTSIDE, TABLE1, write_rows
from running import copy_run
from test_end_to_end import filled
from test_rebuild import edited

OF_FILTER = ("flux", "flux_err", "x", "y", "dx", "dy", "chi2", "dof", "flags", "sky")
"""Columns of each filter, in the order that scripts rely on."""

BESIDE_THE_ERROR = ("flux_err_conditional", "flux_err_marginal", "flux_err_phase", "flux_err_sys")
UNITS = {"flux": "nJy", "x": "pix", "y": "pix", "dx": "pix", "dy": "pix", "sky": "nJy / pix"}


def read(run, name):
    """A table of a run on the field."""
    return Table.read(run.cwd / "results" / "mine" / name, format="ascii.ecsv")


@pytest.fixture(scope="module")
def photometry(imaged):
    return read(imaged, "photometry.ecsv")


def test_eleven_lines_are_enough(drawn_field):
    assert len((drawn_field.folder / "my.yaml").read_text().splitlines()) == 11
    assert len(drawn_field.rows) == 30


def test_every_result_is_there(imaged):
    folder = imaged.cwd / "results" / "mine"
    wanted = {"photometry.ecsv", "photometry.fits", "photometry_dereddened.ecsv", "stack_photometry.ecsv"}
    wanted |= {f"{filt}/{kind}.fits" for filt in FILTERS for kind in ("psf", "stack")}
    wanted |= {f"sed/bc03/{name}" for name in ("clusters.ecsv", "stack.ecsv", "chi2_map.fits")}
    missing = {name for name in wanted if not (folder / name).is_file()}
    assert not missing
    made = {path.relative_to(imaged.cwd).parts[0] for path in imaged.cwd.iterdir()}
    assert made - {"my.yaml", "more.yaml", "sources.csv", "truth_of_all.ecsv"} - {
        path.name for path in imaged.cwd.glob("*.fits*")
    } == {"results", "logs", "benchmarks", ".snakemake"}


def test_every_table_documents_itself(imaged):
    tables = sorted((imaged.cwd / "results").rglob("*.ecsv"))
    assert len(tables) >= 18
    for path in tables:
        table = Table.read(path, format="ascii.ecsv")
        for name in table.colnames:
            assert table[name].description, f"{path}: {name}"


def test_run_is_read_from_python(imaged):
    """Its tables and images by their names; posteriors in full give the quantiles of the table.

    Not bit by bit: of a PSF that changes over the field each of the two chunks has another median error.
    """
    field = clusterphot.open_run(imaged.cwd)["mine"]
    assert field.filters == list(FILTERS) and field.grids == ["bc03"]
    clusters, found = field.tables["sed/bc03/clusters"], field.posteriors()
    for name, values in found.columns.items():
        np.testing.assert_allclose(values, filled(clusters[name]), rtol=1e-4, err_msg=name)
    assert {"DATA", "MODEL", "RESIDUAL", "IVAR"} <= set(field.images["F200W/stack"])
    assert field.images["F200W/mosaic"].shape == field.images["F150W/mosaic"].shape


def test_photometry_has_the_promised_columns(photometry):
    assert photometry.colnames[:3] == ["id", "ra", "dec"]
    carried = photometry.meta["carried"]
    assert carried == ["note", "rank"]
    own = [name for name in photometry.colnames if name not in carried]
    assert own[3] == "flags"
    per_filter = len(OF_FILTER) + len(BESIDE_THE_ERROR)
    assert len(own) == 4 + len(FILTERS) * per_filter
    for number, filt in enumerate(FILTERS):
        part = own[4 + number * per_filter :][:per_filter]
        kinds = [name.removesuffix(f"_{filt}") for name in part]
        assert [kind for kind in kinds if kind in OF_FILTER] == list(OF_FILTER)
        assert set(kinds) - set(OF_FILTER) == set(BESIDE_THE_ERROR)
        for kind, name in zip(kinds, part, strict=True):
            unit = UNITS["flux"] if kind.startswith("flux") else UNITS.get(kind, "None")
            assert str(photometry[name].unit) == unit, name
            assert filt in photometry[name].description
            integer = kind in ("flags", "dof")
            assert photometry[name].dtype.kind == ("i" if integer else "f"), name
    assert str(photometry["ra"].unit) == str(photometry["dec"].unit) == "deg"
    assert photometry.meta["flag_bits"][int(Flag.NO_DATA)].startswith("NO_DATA")


def test_every_source_is_there_as_it_was_given(drawn_field, photometry):
    rows = drawn_field.rows
    assert list(photometry["id"]) == drawn_field.ids
    for name in ("ra", "dec"):
        np.testing.assert_array_equal(photometry[name], [float(row[name]) for row in rows])
    assert list(photometry["note"]) == [row["note"] for row in rows]
    assert list(photometry["rank"]) == [int(row["rank"]) for row in rows]


def test_a_source_outside_the_image(photometry):
    row = photometry[list(photometry["id"]).index(OUTSIDE)]
    for filt in FILTERS:
        assert row[f"flags_{filt}"] & Flag.NO_DATA
        for name in ("flux", "flux_err", *BESIDE_THE_ERROR, "dx", "dy", "chi2", "sky"):
            assert np.isnan(row[f"{name}_{filt}"]), name
        # where it was looked for: 30" west of the middle of 1000 pixels of 0.02"
        assert row[f"x_{filt}"] == pytest.approx(499.5 + 1500, abs=2.0)
    assert row["flags"] & Flag.NO_DATA


def test_a_source_on_the_edge(photometry):
    """0.1" from the upper edge: five rows of the cutout are there, and the sky can still be told."""
    row = photometry[list(photometry["id"]).index(EDGE)]
    for filt in FILTERS:
        assert row[f"flags_{filt}"] & Flag.EDGE
        assert not row[f"flags_{filt}"] & (Flag.NO_DATA | Flag.FAILED)
        assert np.isfinite(row[f"flux_{filt}"]) and row[f"flux_err_{filt}"] > 0


def test_the_others_are_clean_and_right(drawn_field, photometry):
    """Pulls against the truth have median 0 and width 1; with 28 sources these are known to 0.24 and 0.13.

    Errors common to all sources, of PSF and zero point, are a few percent of 5 to 60 nJy: below 1 sigma for
    most. At a median flux error of 1 nJy, fluxes are 5 to 60 nJy.
    """
    inside = ~np.isin(photometry["id"], [OUTSIDE, EDGE])
    assert np.mean(photometry["flags"][inside] == 0) > 0.85
    for filt in FILTERS:
        flux, err = (filled(photometry[f"{name}_{filt}"])[inside] for name in ("flux", "flux_err"))
        pull = (flux - drawn_field.truth[f"flux_{filt}"]) / err
        assert abs(np.median(pull)) < 0.9, filt
        assert 0.6 < 1.4826 * np.median(np.abs(pull - np.median(pull))) < 1.5, filt
        assert np.abs(pull).max() < 6, filt


def test_pixels_are_those_of_each_mosaic(drawn_field, photometry):
    """x and y against the truth, which includes the offset between the bands of 0.2 px.

    The middle of a PSF is its windowed centroid, which lies up to 0.1 px from the origin of the true one;
    single sources scatter by 0.2 px.
    """
    inside = ~np.isin(photometry["id"], [OUTSIDE, EDGE])
    for filt in FILTERS:
        for axis in "xy":
            off = filled(photometry[f"{axis}_{filt}"])[inside] - drawn_field.truth[f"{axis}_{filt}"]
            assert abs(np.median(off)) < 0.2, (filt, axis)


def test_errors_that_are_common_stand_apart(imaged, photometry):
    """2 % zero point and a perfect PSF in F150W; in F200W the error of the PSF at each source's place."""
    flux, sys = (filled(photometry[f"{name}_F150W"]) for name in ("flux", "flux_err_sys"))
    good = np.isfinite(flux)
    np.testing.assert_allclose(sys[good], 0.02 * np.abs(flux[good]), rtol=1e-6)
    share = (filled(photometry["flux_err_sys_F200W"]) / filled(photometry["flux_F200W"]))[good]
    assert 0.002 < np.median(share) < 0.1
    folder = imaged.cwd / "results" / "mine" / "F200W"
    psf = read_psf_field(folder / "psf.fits", folder / "psf_grid.fits")
    x, y = (filled(photometry[f"{axis}_F200W"])[good] for axis in "xy")
    # At listed places, some pixels from the fitted ones.
    np.testing.assert_allclose(np.abs(share), psf.sys_errors(x, y), rtol=2e-3)


def test_fits_table_is_the_same(imaged, photometry):
    path = imaged.cwd / "results" / "mine" / "photometry.fits"
    binary = Table.read(path)
    assert binary.colnames == photometry.colnames
    for name in photometry.colnames:
        if photometry[name].dtype.kind == "U":
            assert list(np.ma.filled(binary[name], "")) == list(np.ma.filled(photometry[name], ""))
        else:
            np.testing.assert_array_equal(filled(binary[name]), filled(photometry[name]))
            assert str(binary[name].unit).replace(" ", "") == str(photometry[name].unit).replace(" ", "")


def test_fluxes_are_corrected_for_dust_once(imaged, photometry):
    """E(B-V) = 0.18: the image holds fluxes behind dust, photometry.ecsv those, and only its sister more."""
    corrected = read(imaged, "photometry_dereddened.ecsv")
    assert list(corrected["id"]) == list(photometry["id"])
    assert list(corrected["note"]) == list(photometry["note"])
    applied = {filt: corrected[f"A_{filt}"][0] for filt in FILTERS}
    assert 0.18 > applied["F150W"] > applied["F200W"] > 0.03
    for filt, a_mag in applied.items():
        assert str(corrected[f"A_{filt}"].unit) == "mag"
        assert set(corrected[f"A_{filt}"]) == {a_mag}
        for name in (f"flux_{filt}", f"flux_err_{filt}"):
            expected = filled(photometry[name]) * 10 ** (0.4 * a_mag)
            np.testing.assert_allclose(filled(corrected[name]), expected, rtol=1e-12)


def test_psfs_sum_to_one(imaged):
    for filt in FILTERS:
        with fits.open(imaged.cwd / "results" / "mine" / filt / "psf.fits") as hdus:
            data, header = hdus[0].data, hdus[0].header
        assert data.sum() == pytest.approx(1.0, abs=1e-12)
        assert data.shape[0] == data.shape[1] and data.shape[0] % 2 == 1
        assert np.unravel_index(np.argmax(data), data.shape) == (data.shape[0] // 2,) * 2
        assert header["PIXSCALE"] == pytest.approx(0.02)
        assert 0.9 < header["EESTAMP"] <= 1.0
        assert header["NSTARS"] == 0 if filt == "F150W" else header["NSTARS"] >= 5


def test_stacks(imaged, photometry):
    for filt in FILTERS:
        with fits.open(imaged.cwd / "results" / "mine" / filt / "stack.fits") as hdus:
            images = {name: hdus[name].data for name in ("DATA", "MODEL", "RESIDUAL", "IVAR")}
            units = [hdus[name].header["BUNIT"] for name in images]
        assert units == ["nJy", "nJy", "nJy", "1/nJy2"]
        assert len({image.shape for image in images.values()}) == 1
        np.testing.assert_allclose(
            images["RESIDUAL"], images["DATA"] - images["MODEL"], atol=1e-5 * np.abs(images["DATA"]).max()
        )
        assert np.all(images["IVAR"] >= 0) and np.any(images["IVAR"] > 0)
    stack = read(imaged, "stack_photometry.ecsv")
    assert len(stack) == 1
    for filt in FILTERS:
        # the median of the fluxes, to the 10 % that 28 sources of a wide distribution and their noise allow
        typical = np.nanmedian(filled(photometry[f"flux_{filt}"]))
        assert stack[f"flux_{filt}"][0] == pytest.approx(typical, rel=0.3)
        assert stack[f"flux0_{filt}"][0] > stack[f"flux_{filt}"][0] > 0
        assert 0 < stack[f"flux_err_{filt}"][0] < 0.3 * typical


def test_clusters(imaged, drawn_field):
    table = read(imaged, "sed/bc03/clusters.ecsv")
    assert list(table["id"]) == drawn_field.ids
    assert np.all(table["flags"] & Flag.TOO_FEW_BANDS)  # two bands tell neither age nor metallicity
    assert np.isnan(filled(table["log_mass"])[drawn_field.ids.index(OUTSIDE)])


def test_logs_end_in_one_line(imaged):
    folder = imaged.cwd / "logs" / "fit_sources" / "mine"
    for path in sorted(folder.rglob("*.log")):
        last = path.read_text().splitlines()[-2:]
        assert any(f"{path.parent.name} {path.stem}: " in line and "flagged" in line for line in last)
    assert len(list(folder.rglob("*.log"))) == 4


def rerun(imaged, snakemake, folder, *, n_chunks, rows, cores):
    """The photometry of the field again, on the same mosaics and PSFs, after a change of list or batching."""
    cwd = copy_run(imaged.cwd, folder)
    (cwd / "more.yaml").write_text(f"batching: {{n_chunks: {n_chunks}}}\n")
    write_rows(cwd / "sources.csv", rows)
    for name in ("photometry.ecsv", "photometry.fits", "photometry_dereddened.ecsv"):
        (cwd / "results" / "mine" / name).unlink()
    for name in [f"{filt}/{kind}" for filt in FILTERS for kind in ("cutouts", "fits")] + ["photometry"]:
        for path in (cwd / "results" / "mine" / name).iterdir():
            path.unlink()
    run = snakemake(
        "--configfile", "my.yaml", "more.yaml", "--", *imaged.targets[:2],
        cwd=cwd, repo=imaged.repo, cores=cores,
    )  # fmt: skip
    assert run.status == 0, run.stdout + run.stderr
    assert not {"prepare_mosaic", "build_psf", "measure_noise", "select_stars"} & set(run.jobs)
    return Table.read(cwd / "results" / "mine" / "photometry.ecsv", format="ascii.ecsv"), cwd


def assert_same(before, after, carried):
    """All columns measured are the same to the last bit, whatever the order of the rows."""
    measured = [name for name in before.colnames if name not in ("note", "rank")]
    assert [name for name in after.colnames if name not in carried] == measured
    row_of = {name: row for row, name in enumerate(after["id"])}
    rows = [row_of[name] for name in before["id"]]
    for name in measured:
        assert before[name].dtype.kind == after[name].dtype.kind
        if before[name].dtype.kind == "U":
            assert list(before[name]) == list(after[name][rows])
        else:
            np.testing.assert_array_equal(filled(before[name]), filled(after[name][rows]), err_msg=name)


def test_results_do_not_depend_on_chunks_order_or_cores(imaged, snakemake, photometry, drawn_field, tmp_path):
    """One chunk, the list reversed and with the columns of a published table, on one core instead of two."""
    published = Table.read(TABLE1, format="ascii.csv")
    extra = [name for name in published.colnames if name not in ("id", "ra", "dec")]
    rows = [
        {key: row[key] for key in ("id", "ra", "dec")}
        | {name: str(published[name][number]) for name in extra}
        for number, row in enumerate(drawn_field.rows)
    ][::-1]
    after, cwd = rerun(imaged, snakemake, tmp_path / "work", n_chunks=1, rows=rows, cores=1)
    assert list(after["id"]) == drawn_field.ids[::-1]
    carried = [f"{name}_listed" for name in extra]  # names of our own are not taken from us
    assert after.meta["carried"] == carried
    np.testing.assert_array_equal(after["flux_F150W_listed"][::-1], published["flux_F150W"][:30])
    assert_same(photometry, after, carried)
    corrected = Table.read(cwd / "results/mine/photometry_dereddened.ecsv", format="ascii.ecsv")
    np.testing.assert_array_equal(corrected["flux_F150W_listed"], after["flux_F150W_listed"])


def test_a_single_source_can_be_asked_for(imaged, snakemake, drawn_field, tmp_path):
    """Through the very same rules; mosaics and PSFs are there."""
    target = f"results/mine/photometry/{single_chunk(drawn_field.ids[1])}.ecsv"
    plan = snakemake.plan(
        "--configfile", "my.yaml", "more.yaml", "--", target, cwd=imaged.cwd, repo=imaged.repo
    )
    assert plan.jobs == {"cut_sources": 2, "fit_sources": 2, "join_filters": 1}


RESCALED = "photometry: {rescale_errors: proof}\n"


def test_errors_are_proven_on_request(imaged, snakemake, tmp_path):
    """Artificial clusters and blank places, in one job; more of them add a job; with none of them nothing is done."""
    cwd = copy_run(imaged.cwd, tmp_path / "work")
    rules = ("measure_injections", "fit_injected_sed", "summarise_proof")

    def start(number, how, more="", target="proof"):
        text = f"proof: {{n_injections: {number}, n_blank: {number}, n_per_chunk: 12}}\n"
        (cwd / "proof.yaml").write_text(text + more)
        files = ("my.yaml", "more.yaml", "proof.yaml")
        return how("--configfile", *files, "--", target, cwd=cwd, repo=imaged.repo)

    run = start(12, snakemake)
    assert run.status == 0, run.stdout + run.stderr
    folder = cwd / "results" / "mine" / "proof"
    tables = {
        name: Table.read(folder / f"{name}.ecsv", format="ascii.ecsv") for name in ("summary", "sources")
    }
    for table in tables.values():
        assert all(table[name].description for name in table.colnames)
    assert list(tables["summary"].colnames[:4]) == ["kind", "filter", "mag_low", "mag_high"]
    assert {*tables["summary"]["filter"]} == {"F150W", "F200W", "F150W-F200W"}
    assert [str(kind) for kind in tables["sources"]["kind"]][:12] == ["injected"] * 12
    assert (folder / "populations.ecsv").is_file()
    assert start(12, snakemake.plan).jobs == {}
    assert start(20, snakemake.plan).jobs == dict.fromkeys((*rules, "proof"), 1)
    assert start(0, snakemake.plan).jobs == {"proof": 1}  # the target itself, of nothing
    rescaled = start(12, snakemake.plan, RESCALED, "results/mine/photometry.ecsv")
    assert rescaled.jobs == {"rescale_errors": 2, "merge_photometry": 1}


@pytest.mark.slow
def test_one_job_per_source(imaged, snakemake, photometry, drawn_field, tmp_path):
    """150 jobs; the drivers' tests do the same in one process."""
    after, _ = rerun(
        imaged, snakemake, tmp_path / "work", n_chunks="per_source", rows=drawn_field.rows, cores=2
    )
    assert_same(photometry, after, ["note", "rank"])


@pytest.mark.slow
def test_figures_and_tables_of_a_users_field(imaged, snakemake, tmp_path):
    cwd = copy_run(imaged.cwd, tmp_path / "work")
    run = snakemake("--configfile", "my.yaml", "more.yaml", cwd=cwd, repo=imaged.repo, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    names = {path.stem for path in (cwd / "results" / "mine" / "figures").glob("*.pdf")}
    assert names >= {"overview", "magnitudes", "stacks", "psf_F150W", "psf_F200W", "chi2_map_bc03"}
    assert {path.stem for path in (cwd / "results" / "mine" / "figures").glob("*.png")} == names
    for name in (f"table{n}.{ending}" for n in (1, 2) for ending in ("ecsv", "csv", "tex", "mrt")):
        assert (cwd / "results" / "mine" / "tables" / name).stat().st_size > 0


@pytest.mark.slow
def test_a_simulated_field(snakemake, workdir):
    """Everything from a source list alone, up to the comparison with the truth."""
    run = snakemake("--configfile", "simulated.yaml", cwd=workdir, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    summary = Table.read(workdir / "results/made/recovery/summary.ecsv", format="ascii.ecsv")
    assert len(summary) > 0
    table = Table.read(workdir / "results/made/photometry.ecsv", format="ascii.ecsv")
    assert "flux_F090W_listed" in table.colnames


# ---------------------------------------------------------------------------- what an edit reruns: dry runs

STACKED = {"stack_sources", "join_stacks", "deredden_stack", "fit_stack_sed"}
MERGED = {"merge_photometry", "merge_dereddened", "merge_sed"}
JOINED = {"join_filters", "deredden_photometry", "fit_sed"} | MERGED | STACKED
FITTED = {"fit_sources"} | JOINED
SHARED = {"join_systematics"}
"""Errors of PSFs and zero points, which all posteriors of the field share."""
AFTER_STARS = {"select_stars", "stack_stars", "build_psf", "measure_offset"} | FITTED | SHARED
CHUNKS = ("cut_sources", "fit_sources", "join_filters")
REACH_ARCSEC = 0.7
"""Listed sources nearer than this are handed to each other's cutout: 3/4 of its side, and 0.1"."""


@pytest.fixture
def run_copy(imaged, tmp_path):
    """Copy of the completed run in which files may be edited."""
    return copy_run(imaged.cwd, tmp_path / "work")


@pytest.fixture
def replan(imaged, run_copy, snakemake):
    """Function that plans the run again, after more configuration."""

    def plan(more="", my=None):
        (run_copy / "again.yaml").write_text(more or "{}\n")
        if my:
            text = (run_copy / "my.yaml").read_text()
            assert my[0] in text
            (run_copy / "my.yaml").write_text(text.replace(*my))
        files = ["my.yaml", "more.yaml", "again.yaml"] if more else ["my.yaml", "more.yaml"]
        return snakemake.plan("--configfile", *files, "--", *imaged.targets, cwd=run_copy, repo=imaged.repo)

    return plan


def test_nothing_changed(replan):
    assert replan().jobs == {}


@pytest.mark.parametrize(
    ("more", "rules"),
    [
        ("photometry: {sky: plane}", FITTED),
        ("photometry: {cutout_size_arcsec: 1.0}", {"cut_sources"} | FITTED),
        ("psf: {mag_max: 26.5}", AFTER_STARS),
        ("stack: {method: mean}", STACKED),
    ],
)
def test_a_changed_key(replan, more, rules):
    assert set(replan(more + "\n").jobs) == rules


def filters_of(run):
    """Filters that the planned jobs up to the fits are about."""
    words = [message.split(":")[0].split() for message in run.messages if "stack the" not in message]
    return {word for line in words for word in line if word.startswith("F")}


def test_a_zero_point_error_is_joined_on(replan):
    run = replan(my=("zero_point_error: 0.02", "zero_point_error: 0.03"))
    assert set(run.jobs) == JOINED | SHARED


def test_a_zero_point_factor_reruns_its_filter(replan):
    run = replan(my=("zero_point_error: 0.02", "zero_point_error: 0.02, zero_point_factor: 1.1"))
    image = {"prepare_mosaic", "build_psf", "measure_noise", "measure_offset", "cut_sources"}
    assert set(run.jobs) == image | FITTED | SHARED
    assert filters_of(run) == {"F150W"}
    assert run.jobs["prepare_mosaic"] == 1
    assert run.jobs["fit_sources"] == run.jobs["join_filters"] == 2


def test_another_psf_file_reruns_its_filter(replan, run_copy):
    with fits.open(run_copy / "f150w_psf.fits") as hdus:
        hdus.writeto(run_copy / "f150w_other.fits")
    run = replan(my=("psf: f150w_psf.fits", "psf: f150w_other.fits"))
    assert set(run.jobs) == {"build_psf", "measure_offset"} | FITTED | SHARED
    assert filters_of(run) == {"F150W"}


@pytest.fixture
def rows(run_copy):
    """Rows of the source list."""
    with open(run_copy / "sources.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def near(rows, place):
    """Ids of listed sources whose cutouts a source at ``place`` enters."""
    ra, dec = (np.array([float(row[name]) for row in rows]) for name in ("ra", "dec"))
    west = (ra - float(place["ra"])) * np.cos(np.deg2rad(dec))
    distance = 3600 * np.hypot(west, dec - float(place["dec"]))
    return {row["id"] for row, d in zip(rows, distance, strict=True) if d <= REACH_ARCSEC}


def shifted(row, north_arcsec):
    """The place a little to the north of a source."""
    return row | {"dec": f"{float(row['dec']) + north_arcsec / 3600:.7f}"}


def chunks_of(rows, ids):
    """Names of the chunks that hold these ids."""
    return {name for name, members in deal([row["id"] for row in rows], 2).items() if ids & set(members)}


def planned_chunks(run, words):
    """Chunks of the jobs whose message holds these words."""
    return {message.split(":")[0].split()[-1] for message in run.messages if words in message}


def assert_reruns(run, expected):
    """These chunks only are cut and fitted again in both filters, and all that is merged."""
    assert set(run.jobs) == {"cut_sources"} | FITTED
    assert planned_chunks(run, "cut out its") == planned_chunks(run, "fit fluxes") == expected
    assert planned_chunks(run, "join the fits") == expected
    assert [run.jobs[rule] for rule in CHUNKS] == [2 * len(expected), 2 * len(expected), len(expected)]


def test_a_new_source_reruns_its_chunk_and_that_of_its_neighbour(replan, run_copy, rows):
    """Beside a source whose neighbours are of its chunk, with an id that falls into the other one."""
    places = (shifted(row, 0.3) for row in rows)
    beside = next(place for place in places if len(chunks_of(rows, near(rows, place))) == 1)
    touched = chunks_of(rows, near(rows, beside))
    name = next(n for n in (f"new{i}" for i in range(99)) if not set(deal([n], 2)) & touched)
    expected = touched | set(deal([name], 2))
    assert len(expected) == 2
    write_rows(run_copy / "sources.csv", [*rows, beside | {"id": name}])
    assert_reruns(replan(), expected)


def test_a_new_source_far_from_others_reruns_its_chunk(replan, run_copy, rows):
    lonely = shifted(rows[0], 100.0) | {"id": "lonely"}
    write_rows(run_copy / "sources.csv", [lonely, *rows])
    assert_reruns(replan(), set(deal(["lonely"], 2)))


def test_a_moved_source_reruns_its_chunk_and_that_of_its_neighbours(replan, run_copy, rows):
    moved = shifted(rows[2], 0.2)
    expected = chunks_of(rows, near(rows, rows[2]) | near(rows, moved))
    write_rows(run_copy / "sources.csv", [*rows[:2], moved, *rows[3:]])
    assert_reruns(replan(), expected)


def test_an_edited_note_is_carried_and_measures_nothing(replan, run_copy, rows):
    write_rows(run_copy / "sources.csv", [rows[0] | {"note": "new"}, *rows[1:]])
    run = replan()
    assert set(run.jobs) == JOINED
    assert run.jobs["join_filters"] == 1


def test_a_new_order_of_rows_reruns_the_merges(replan, run_copy, rows):
    """Two sources of different chunks swapped: no chunk changes, what follows the merge may."""
    chunk = [chunks_of(rows, {row["id"]}) for row in rows]
    i = next(i for i in range(len(rows)) if chunk[i] != chunk[i + 1])
    write_rows(run_copy / "sources.csv", [*rows[:i], rows[i + 1], rows[i], *rows[i + 2 :]])
    assert set(replan().jobs) == MERGED | STACKED


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("measure/cutouts", {"cut_sources"} | FITTED),
        ("psf/offsets", {"measure_offset"} | FITTED),
        ("measure/join_filters", JOINED),
        ("stack/combine", STACKED),
    ],
)
def test_an_edited_module_reruns_its_stage_and_what_follows(imaged, replan, module, rules):
    path = imaged.repo / "workflow" / "scripts" / "clusterphot" / f"{module}.py"
    with edited(path, append="# edited\n"):
        assert set(replan().jobs) == rules
