"""Mistakes of users with mosaics: status 1 before the first job, and one message with what to do."""

import copy
import gzip

import pytest
import yaml
from clusterphot.base.errors import UserError
from clusterphot.measure.engines import install
from clusterphot.run import fields
from clusterphot.run.configuration import load_yaml
from image_field import write_pair
from running import REPO, Run
from test_errors import GONE, Mistake, assert_one_message, merged

CONFIG = {
    "fields": {
        "x": {
            "redshift": 0.39,
            "ebv": 0.1,
            "sources": "my.csv",
            "reference_filter": "F200W",
            "mosaics": {
                "F150W": {"sci": "f150w_sci.fits", "wht": "f150w_wht.fits"},
                "F200W": {"sci": "f200w_sci.fits", "wht": "f200w_wht.fits"},
            },
        }
    }
}
TABLE = "id,ra,dec\none,110.83,-73.45\ntwo,110.8301,-73.4501\n"
F200W = "fields.x.mosaics.F200W"


def data(says, keys=None, **more):
    """A `Mistake` in a file rather than in the configuration."""
    return Mistake(says, keys=keys or {}, kind="DataError", **more)


MISTAKES = {
    # mosaics
    "mosaic missing": data(
        [f"my.yaml, {F200W}.sci = gone.fits: got no such file, expected a mosaic", "relative to the working"],
        {f"{F200W}.sci": "gone.fits"},
    ),
    "weight missing": data(
        [f"my.yaml, {F200W}.wht = wht/gone.fits: got no such file", "the folder wht does not exist"],
        {f"{F200W}.wht": "wht/gone.fits"},
    ),
    "not FITS": data(
        ["page.fits: got a web page, expected a FITS file", "download it again"],
        {f"{F200W}.sci": "page.fits"},
        files={"page.fits": "<html>"},
    ),
    "no unit": data(
        ["nounit_sci.fits, BUNIT", "got no unit", "10.0*nanoJansky"],
        {f"{F200W}.sci": "nounit_sci.fits", f"{F200W}.wht": "nounit_wht.fits"},
    ),
    "no weight": data(
        ["f200w_sci.fits, extensions: got none, expected one of IVAR, ERR, WHT", "as wht beside sci"],
        {f"{F200W}.wht": GONE},
    ),
    "weight of another shape": data(
        ["odd_wht.fits, shape of the weight", "got 50 x 60, expected 60 x 60 as odd_sci.fits"],
        {f"{F200W}.sci": "odd_sci.fits", f"{F200W}.wht": "odd_wht.fits"},
    ),
    "mosaic of another place": data(
        ["far_sci.fits: got image around RA 80.0", "none of 2 sources in it", "of the same field"],
        {f"{F200W}.sci": "far_sci.fits", f"{F200W}.wht": "far_wht.fits"},
    ),
    "sci and wht exchanged": data(
        ["sci and wht: got sci: f200w_wht.fits, wht: f200w_sci.fits", "exchange them"],
        {f"{F200W}.sci": "f200w_wht.fits", f"{F200W}.wht": "f200w_sci.fits"},
    ),
    "gain beside ERR": Mistake(
        ["gain_e_per_njy for i2d.fits: got 2.0, expected no gain", "ERR includes", "remove gain_e_per_njy"],
        keys={f"{F200W}.sci": "i2d.fits", f"{F200W}.wht": GONE, f"{F200W}.gain_e_per_njy": 2.0},
    ),
    "URL of an unknown scheme": Mistake(
        [f"my.yaml, {F200W}.sci: got 'ftp://host/f200w.fits', expected http://, https:// or s3://"],
        keys={f"{F200W}.sci": "ftp://host/f200w.fits"},
    ),
    "typo in a mosaic": Mistake(
        [f"my.yaml, {F200W}.wth: got an unknown key", "did you mean 'wht'?"], keys={f"{F200W}.wth": "a.fits"}
    ),
    "zero point of zero": Mistake(
        [f"my.yaml, {F200W}.zero_point_factor = 0: got 0, expected number >= 0.1"],
        keys={f"{F200W}.zero_point_factor": 0},
    ),
    "no exposure": Mistake(
        [f"my.yaml, {F200W}.n_exposures = 0: got 0, expected number >= 1"], keys={f"{F200W}.n_exposures": 0}
    ),
    "error by phase in percent": Mistake(
        [f"my.yaml, {F200W}.phase_error = 2.5: got 2.5, expected number >= 0 and <= 0.5"],
        keys={f"{F200W}.phase_error": 2.5},
    ),
    "table of exposures missing": data(
        [f"my.yaml, {F200W}.exposures = gone_wcs.csv: got no such file, expected a table of the exposures"],
        {f"{F200W}.exposures": "gone_wcs.csv"},
    ),
    "another table as that of exposures": data(
        ["my.csv: got no column crval1", "a row per exposure with its WCS, as *_wcs.csv of grizli"],
        {f"{F200W}.exposures": "my.csv"},
    ),
    "exposures of another field": data(
        [f"{F200W}.exposures = far_wcs.csv: got no exposure near a listed source", "of this field?"],
        {f"{F200W}.exposures": "far_wcs.csv"},
        files={
            "far_wcs.csv": "crval1,crval2,crpix1,crpix2,ctype1,ctype2,naxis1,naxis2,cd1_1,cd1_2,cd2_1,cd2_2\n"
            "80,20,1024,1024,RA---TAN,DEC--TAN,2048,2048,-8.6e-6,0,0,8.6e-6\n"
        },
    ),
    "PSF missing": data(
        [f"my.yaml, {F200W}.psf = gone.fits: got no such file, expected a PSF image"],
        {f"{F200W}.psf": "gone.fits"},
    ),
    "PSF not FITS": data(
        ["psf.fits: got other content, expected a FITS file"],
        {f"{F200W}.psf": "psf.fits"},
        files={"psf.fits": "sum 1"},
    ),
    "PSF off its middle": data(
        ["got peak at pixel", "expected a peak near the middle of the image"],
        {f"{F200W}.psf": "corner.fits"},
    ),
    # filters
    "unknown filter": Mistake(
        ["field x, filter F201W: got the unknown filter 'F201W'", "did you mean F200W"],
        keys={"fields.x.mosaics.F201W": {"sci": "f150w_sci.fits", "wht": "f150w_wht.fits"}},
    ),
    "no reference filter": Mistake(
        [
            "my.yaml, fields.x.reference_filter: got nothing, expected one of the field's filters: F150W, F200W"
        ],
        keys={"fields.x.reference_filter": GONE},
    ),
    "reference filter without a mosaic": Mistake(
        ["my.yaml, fields.x.reference_filter: got 'F444W', expected one of the field's filters: F150W"],
        keys={"fields.x.reference_filter": "F444W"},
    ),
    "no mosaics": Mistake(
        ["my.yaml, fields.x.mosaics: got nothing, expected the mosaics of each filter"],
        keys={"fields.x.mosaics": GONE},
    ),
    "photometry and sources": Mistake(
        ["my.yaml, fields.x: got photometry and sources, expected either"],
        keys={"fields.x.photometry": "my.csv"},
    ),
    # the source list
    "sources missing": data(
        ["my.yaml, fields.x.sources = gone.csv: got no such file"], {"fields.x.sources": "gone.csv"}
    ),
    "id twice": data(
        ["my.csv, data rows 1 and 2, column id: got 'one' twice, expected each id once"],
        table={"two": "one"},
    ),
    "RA in hours and minutes": data(
        ["my.csv, data row 1, column ra: got '7:23.32', expected degrees from 0 to 360"],
        table={"110.83,": "7:23.32,"},
    ),
    "RA in hours": data(
        ["f150w_sci.fits: got image around RA 110.83", "the first at RA 7.38", "in degrees (ICRS)?"],
        table={"110.83,": "7.3887,", "110.8301,": "7.3887,"},
    ),
    "RA out of range": data(
        ["my.csv, data row 1, column ra: got 470.83, expected degrees from 0 to 360"],
        table={"110.83,": "470.83,"},
    ),
    # choices
    "a simulated field to be searched": Mistake(
        [
            "my.yaml, fields.x.sources: got detect, expected the source list of a simulated field",
            "candidates",
        ],
        keys={
            "fields.x.sources": "detect",
            "fields.x.simulation": {"seed": 1, "filters": ["F150W", "F200W"]},
            "fields.x.mosaics": GONE,
        },
    ),
    "search in a filter without a mosaic": Mistake(
        ["my.yaml, detection.combined_filters: got F444W, expected filters of field x: F150W, F200W"],
        keys={"detection.combined_filters": ["F200W", "F444W"]},
    ),
    "search without the reference filter": Mistake(
        ["my.yaml, detection.combined_filters: got F150W, expected the reference filter F200W among them"],
        keys={"detection.combined_filters": ["F150W"]},
    ),
    "colour of an unknown filter": Mistake(
        ["my.yaml, detection.colour_box: got F200W-F444W, expected A-B of two filters of field x"],
        keys={"detection.colour_box": {"F200W-F444W": [0.0, 1.0]}},
    ),
    "colour the wrong way round": Mistake(
        ["my.yaml, detection.colour_box.F150W-F200W: got [1, 0], expected the lower, then the higher"],
        keys={"detection.colour_box": {"F150W-F200W": [1.0, 0.0]}},
    ),
    "magnitudes of clusters the wrong way round": Mistake(
        ["my.yaml, detection.mag_max: got 25, expected more than detection.mag_min = 26"],
        keys={"detection.mag_max": 25.0},
    ),
    "magnitudes of injections the wrong way round": Mistake(
        ["my.yaml, completeness.mag_range: got [31, 27], expected the bright, then the faint end"],
        keys={"completeness.mag_range": [31.0, 27.0]},
    ),
    "another engine": Mistake(
        [
            "my.yaml, photometry.engine = 'traktor': got 'traktor', expected psf or tractor or photutils",
            "mean 'tractor'?",
        ],
        keys={"photometry.engine": "traktor"},
    ),
    "one engine to compare": Mistake(
        ["my.yaml, photometry.compare_engines: got [psf], expected two engines"],
        keys={"photometry.compare_engines": ["psf"]},
    ),
    "magnitudes the wrong way round": Mistake(
        ["my.yaml, psf.mag_max: got 24, expected more than psf.mag_min = 25"], keys={"psf.mag_max": 24.0}
    ),
    "annulus the wrong way round": Mistake(
        ["my.yaml, stack.annulus_px: got [10, 5]"], keys={"stack.annulus_px": [10, 5]}
    ),
}


@pytest.fixture(scope="module")
def mosaics(tmp_path_factory):
    """Folder of small mosaics, right and wrong."""
    import numpy as np
    from astropy.io import fits

    folder = tmp_path_factory.mktemp("mosaics")
    write_pair(folder, "f150w")
    write_pair(folder, "f200w")
    write_pair(folder, "nounit", unit="")
    write_pair(folder, "odd", weight_shape=(50, 60))
    write_pair(folder, "far", center_deg=(80.0, -73.45))
    sci = fits.ImageHDU(
        *(getattr(fits, f"get{kind}")(folder / "f200w_sci.fits") for kind in ("data", "header"))
    )
    sci.name = "SCI"
    err = fits.ImageHDU(np.ones((60, 60), "f4"), name="ERR")
    fits.HDUList([fits.PrimaryHDU(), sci, err]).writeto(folder / "i2d.fits")
    corner = np.zeros((31, 31))
    corner[:3, :3] = 1.0
    fits.PrimaryHDU(corner).writeto(folder / "corner.fits")
    return folder


def write(folder, mosaics, mistake):
    """Working directory with the mistake in it."""
    config = copy.deepcopy(CONFIG)
    for key, value in mistake.keys.items():
        *path, last = key.split(".")
        section = config
        for name in path:
            section = section.setdefault(name, {})
        if value is GONE:
            del section[last]
        else:
            section[last] = value
    (folder / "my.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    table = TABLE
    for old, new in mistake.table.items():
        assert old in table
        table = table.replace(old, new)
    (folder / "my.csv").write_text(table)
    for path in mosaics.iterdir():
        (folder / path.name).symlink_to(path)
    for name, content in mistake.files.items():
        (folder / name).write_text(content)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(mosaics, tmp_path, monkeypatch, name):
    """What the rules do first, without Snakemake around it."""
    mistake = MISTAKES[name]
    write(tmp_path, mosaics, mistake)
    monkeypatch.chdir(tmp_path)
    config = merged(load_yaml(REPO / "config" / "config.yaml"), load_yaml("my.yaml"))
    with pytest.raises(UserError) as caught:
        fields.load(config, repo=REPO, user_files=["my.yaml"])
    message = f"{type(caught.value).__name__}: {caught.value}"
    assert_one_message(Run(1, "", message), mistake.says, mistake.kind)


@pytest.mark.parametrize("name", ["mosaic of another place", "gain beside ERR", "id twice", "another engine"])
def test_mistake_ends_the_run(snakemake, mosaics, tmp_path, name):
    mistake = MISTAKES[name]
    write(tmp_path, mosaics, mistake)
    run = snakemake("--configfile", "my.yaml", cwd=tmp_path)
    assert_one_message(run, mistake.says, mistake.kind)
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "logs").exists()


@pytest.mark.skipif(install.find_problem() is None, reason="The Tractor is installed here")
@pytest.mark.parametrize(
    ("key", "value"), [("engine", "tractor"), ("compare_engines", ["psf", "tractor"])], ids=lambda v: str(v)
)
def test_an_engine_that_is_not_installed_ends_the_run(snakemake, mosaics, tmp_path, key, value):
    """Status 1, one message with the steps of pip and conda, nothing run; conda brings the engine itself."""
    write(tmp_path, mosaics, Mistake([], keys={f"photometry.{key}": value}))
    run = snakemake("--configfile", "my.yaml", cwd=tmp_path)
    assert run.status == 1
    assert "Traceback" not in run.stdout + run.stderr
    first, *steps = run.complaint.splitlines()
    assert first.startswith(f"ConfigError: my.yaml, photometry.{key}: got tractor, but there is no package ")
    assert steps[0].startswith("Hint: make tractor, in the folder of the workflow; or by hand, with pip")
    assert [line[:2] for line in steps[1:-1]] == ["  "] * 5
    assert f"{install.REPOSITORY}@{install.COMMIT}" in steps[3]
    assert steps[-1].startswith("With conda: add --sdm conda")
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "logs").exists()
    brought = snakemake("--configfile", "my.yaml", "--sdm", "conda", "--dry-run", cwd=tmp_path)
    assert "ConfigError" not in brought.complaint


def test_without_a_mistake(snakemake, mosaics, tmp_path):
    write(tmp_path, mosaics, Mistake([]))
    jobs = snakemake.plan("--configfile", "my.yaml", cwd=tmp_path).jobs
    assert jobs["prepare_mosaic"] == jobs["build_psf"] == jobs["stack_sources"] == 2


def test_a_damaged_mosaic_ends_its_job_and_a_whole_one_mends_it(snakemake, mosaics, tmp_path):
    """A .gz file cut short, which only reading it shows: one message, nothing half-written, then as usual."""
    packed = gzip.compress((mosaics / "f200w_sci.fits").read_bytes(), compresslevel=1)
    mistake = Mistake([], keys={f"{F200W}.sci": "f200w.fits.gz"})
    write(tmp_path, mosaics, mistake)
    (tmp_path / "f200w.fits.gz").write_bytes(packed[: len(packed) * 2 // 3])
    command = ("--configfile", "my.yaml", "--", "results/x/F200W/mosaic.fits")
    run = snakemake(*command, cwd=tmp_path)
    assert run.status == 1
    assert "Traceback" not in run.stdout + run.stderr
    log = (tmp_path / "logs" / "prepare_mosaic" / "x" / "F200W.log").read_text()
    assert log.count("ERROR") == 1
    assert "f200w.fits.gz: got a damaged gzip file" in log
    assert log.endswith("the file is truncated or damaged: copy or download it again.\n")
    assert "f200w.fits.gz: got a damaged gzip file" in run.stdout + run.stderr
    assert [path for path in (tmp_path / "results").rglob("*") if path.is_file()] == []
    (tmp_path / "f200w.fits.gz").write_bytes(packed)
    run = snakemake(*command, cwd=tmp_path)
    assert run.status == 0, run.stderr
    assert (tmp_path / "results" / "x" / "F200W" / "mosaic.fits").is_file()
