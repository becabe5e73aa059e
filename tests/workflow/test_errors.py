"""Mistakes of users: status 1 before the first job, and one message with file, key or row, and a hint."""

import copy
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from clusterphot.base.errors import UserError
from clusterphot.run import fields
from clusterphot.run.checks.run import all_mistakes
from clusterphot.run.configuration import load_yaml
from running import REPO, Run, command

CONFIG = {"fields": {"x": {"redshift": 0.39, "ebv": 0.1, "photometry": "my.csv"}}}
TABLE = """id,ra,dec,flux_F090W,flux_err_F090W,flux_F150W,flux_err_F150W,flux_F200W,flux_err_F200W
one,110.8,-73.4,9.4,1.2,22.7,0.3,20.3,0.3
two,110.9,-73.5,20.5,1.2,29.2,0.5,33.8,0.7
"""
GONE = object()


@dataclass(frozen=True)
class Mistake:
    """What is wrong, and what the message must hold.

    Attributes
    ----------
    says : list of str
        Parts of the message, in this order.
    keys : dict
        Dotted key to its value, or to GONE.
    table : dict
        Text of my.csv to its replacement.
    text : str
        Whole text of my.yaml, instead of keys.
    files : dict
        Further files in the working directory.
    kind : str
        Class of the error.
    """

    says: list
    keys: dict = field(default_factory=dict)
    table: dict = field(default_factory=dict)
    text: str = ""
    files: dict = field(default_factory=dict)
    kind: str = "ConfigError"


def four_color(*names):
    """A folder of .4color files with a header and two ages each."""
    content = "#log-age-yr Mbol M*/Lv M*\n5.0 1 0.1 1.0\n10.3 1 5.0 0.5\n"
    return {f"colors/bc2003_lr_{name}_chab_ssp.4color": content for name in names}


MISTAKES = {
    # the configuration by itself
    "typo in a key": Mistake(
        ["my.yaml, sed.flux_floor_fractoin: got an unknown key", "did you mean 'flux_floor_fraction'?"],
        keys={"sed.flux_floor_fractoin": 0.1},
    ),
    "unknown section": Mistake(
        ["my.yaml, sedd: got an unknown key, expected one of fields, ", "did you mean 'sed'?"],
        keys={"sedd.flux_floor_fraction": 0.1},
    ),
    "unknown key of a field": Mistake(
        ["my.yaml, fields.x.redshfit: got an unknown key", "did you mean 'redshift'?"],
        keys={"fields.x.redshfit": 0.4},
    ),
    "negative redshift": Mistake(
        ["my.yaml, fields.x.redshift = -1: got -1, expected number > 0 and <= 2"],
        keys={"fields.x.redshift": -1},
    ),
    "redshift missing": Mistake(
        ["my.yaml, fields.x.redshift: got nothing", "Redshift of the cluster"],
        keys={"fields.x.redshift": GONE},
    ),
    "redshift not a number": Mistake(
        ["my.yaml, fields.x.redshift", "got nan, expected a number"], keys={"fields.x.redshift": float("nan")}
    ),
    "wrong type": Mistake(
        ["my.yaml, sed.grids = 'bc03': got 'bc03', expected a list", "Grids to fit"],
        keys={"sed.grids": "bc03"},
    ),
    "number that YAML takes for text": Mistake(
        ["my.yaml, sed.flux_floor_fraction = '1e-3'", "expected number >= 0 and <= 0.5", "1.0e-3"],
        text="sed: {flux_floor_fraction: 1e-3}\n",
    ),
    "out of range": Mistake(
        [
            "my.yaml, sed.flux_floor_fraction = 2: got 2, expected number >= 0 and <= 0.5",
            "Fraction of the flux",
        ],
        keys={"sed.flux_floor_fraction": 2},
    ),
    "unknown choice": Mistake(
        ["my.yaml, sed.mass_convention = 'vbnad'", "expected vband or faisst2022", "did you mean 'vband'?"],
        keys={"sed.mass_convention": "vbnad"},
    ),
    "unknown batching": Mistake(
        ["my.yaml, batching.n_chunks = 0: got 0, expected auto or per_source or integer >= 1"],
        keys={"batching.n_chunks": 0},
    ),
    "empty section": Mistake(["my.yaml, sed = None: got None, expected a section of keys"], text="sed:\n"),
    "no field": Mistake(["my.yaml, fields", "expected a section of keys", "1"], keys={"fields": {}}),
    "field without photometry": Mistake(
        ["my.yaml, fields.x: got neither photometry nor sources, expected"],
        keys={"fields.x.photometry": GONE},
    ),
    "key twice": Mistake(
        ["my.yaml, line 3: got the key 'flux_floor_fraction' twice", "each key once"],
        text="sed:\n  flux_floor_fraction: 0.1\n  flux_floor_fraction: 0.2\n",
    ),
    "reserved name": Mistake(
        ["my.yaml, fields.ssp: got the name 'ssp', expected another name", "folder of results/"],
        keys={"fields": {"ssp": CONFIG["fields"]["x"]}},
    ),
    "slash in a name": Mistake(
        ["my.yaml, fields.a/b: got the name 'a/b', expected letters, digits", "becomes a folder"],
        keys={"fields": {"a/b": CONFIG["fields"]["x"]}},
    ),
    "name that is not text": Mistake(
        ["my.yaml, fields.717: got", "expected text", "quotes"], keys={"fields": {717: CONFIG["fields"]["x"]}}
    ),
    "unknown grid": Mistake(
        ["my.yaml, sed.grids: got bc30, expected names of ssp_grids: bc03"],
        keys={"sed.grids": ["bc03", "bc30"]},
    ),
    "fiducial grid not fitted": Mistake(
        ["my.yaml, sed.fiducial_grid: got other, expected one of sed.grids: bc03"],
        keys={"sed.fiducial_grid": "other", "ssp_grids.other.reader": "embedded"},
    ),
    "ages the wrong way round": Mistake(
        ["my.yaml, sed.age_gyr: got max 1.0 below min 2.0"],
        keys={"sed.age_gyr": {"min": 2.0, "max": 1.0, "step": 0.5}},
    ),
    "age outside the grid": Mistake(
        ["my.yaml, sed.age_gyr.max = 20", "expected number >= 0.001 and <= 14", "oldest age (Gyr)"],
        keys={"sed.age_gyr.max": 20},
    ),
    "metallicity between the nodes": Mistake(
        [
            "my.yaml, sed.metallicity_zsun: got 0.3, expected metallicities of the grid bc03: ",
            "0.005, 0.02, 0.2, 0.4, 1, 2.5, 5.",
            "Z = 0.02",
        ],
        keys={"sed.metallicity_zsun": [0.2, 0.3]},
    ),
    "metallicity of the dust spectrum": Mistake(
        ["my.yaml, dust.reference_metallicity_zsun: got 0.3, expected metallicities of the grid bc03: 0.005"],
        keys={"dust.reference_metallicity_zsun": 0.3},
    ),
    # files and folders that the configuration names
    "SFD maps not named": Mistake(
        [
            "dust.sfd_map_dir: got nothing",
            "Hint: field x has ebv = sfd",
            "https://github.com/kbarbary/sfddata",
        ],
        keys={"fields.x.ebv": "sfd"},
    ),
    "SFD maps missing": Mistake(
        [
            "my.yaml, dust.sfd_map_dir: got maps, which lacks SFD_dust_4096_ngp.fits",
            "https://github.com/kbarbary",
        ],
        keys={"fields.x.ebv": "sfd", "dust.sfd_map_dir": "maps"},
    ),
    "folder of .4color files missing": Mistake(
        ["my.yaml, sed.four_color_dir = colors: got no such folder"],
        keys={"sed.four_color_dir": "colors"},
        kind="DataError",
    ),
    "folder of .4color files empty": Mistake(
        ["my.yaml, sed.four_color_dir = colors: got no .4color file"],
        keys={"sed.four_color_dir": "colors"},
        files={"colors/README": ""},
        kind="DataError",
    ),
    ".4color file of a metallicity missing": Mistake(
        ["my.yaml, sed.four_color_dir = colors, grid bc03: got no .4color file of 0.4 Zsun", "0.2"],
        keys={"sed.four_color_dir": "colors", "sed.metallicity_zsun": [0.2, 0.4]},
        files=four_color("m42"),
        kind="DataError",
    ),
    ".4color file of another kind": Mistake(
        ["colors/bc2003_lr_m42_chab_ssp.4color: got no header line"],
        keys={"sed.four_color_dir": "colors", "sed.metallicity_zsun": [0.2]},
        files={"colors/bc2003_lr_m42_chab_ssp.4color": "1 2 3\n"},
        kind="DataError",
    ),
    "table missing": Mistake(
        ["my.yaml, fields.x.photometry = mine.csv: got no such file", "relative to the working directory"],
        keys={"fields.x.photometry": "mine.csv"},
        kind="DataError",
    ),
    # tables
    "column missing": Mistake(
        ["my.csv, header: got no column 'id', expected one id per source", "the columns are: name, ra"],
        table={"id,ra": "name,ra"},
        kind="DataError",
    ),
    "flux without its error": Mistake(
        ["my.csv, header: got flux_F150W without its error, expected a column flux_err_F150W"],
        table={"flux_err_F150W": "error_F150W"},
        kind="DataError",
    ),
    "id twice": Mistake(
        ["my.csv, data rows 1 and 2, column id: got 'one' twice, expected each id once", "rename or delete"],
        table={"two": "one"},
        kind="DataError",
    ),
    "text for a number": Mistake(
        [
            "my.csv, data row 2, column flux_F150W: got '29.2 nJy', expected a flux in nJy",
            "nan or left empty",
        ],
        table={"29.2": "29.2 nJy"},
        kind="DataError",
    ),
    "negative error": Mistake(
        ["my.csv, data row 1, column flux_err_F090W: got -1.2, expected an error in nJy, not negative"],
        table={"9.4,1.2": "9.4,-1.2"},
        kind="DataError",
    ),
    "torn row": Mistake(
        ["my.csv, line 3: got 8 values, expected 9"], table={"33.8,0.7": "33.8"}, kind="DataError"
    ),
    # tables and models together
    "unknown filter": Mistake(
        ["my.csv, column flux_F151W: got the unknown filter 'F151W'", "did you mean F150W"],
        table={"F150W": "F151W"},
    ),
    "V filter not measured": Mistake(
        [
            "my.yaml, sed.v_filter: got F090M, expected auto or a filter of field x: F090W",
            "did you mean 'F090W'?",
        ],
        keys={"sed.v_filter": "F090M"},
    ),
    "filter beyond the models": Mistake(
        ["my.csv, column flux_F770W, grid bc03: got a curve", "at redshift 0.01", "leave the filter out"],
        keys={"fields.x.redshift": 0.01},
        table={"F200W": "F770W"},
    ),
    "no GALAXEV folder": Mistake(
        ["my.yaml, ssp_grids.mine: nowhere: got no such folder", "GALAXEV .ised_ASCII"],
        kind="DataError",
        keys={"ssp_grids.mine": {"reader": "galaxev", "directory": "nowhere"}, "sed.grids": ["bc03", "mine"]},
    ),
    "key of another reader": Mistake(
        ["my.yaml, ssp_grids.mine.nebular: got a key that the reader galaxev does not have"],
        keys={
            "ssp_grids.mine": {"reader": "galaxev", "directory": "x", "nebular": True},
            "sed.grids": ["bc03", "mine"],
        },
    ),
    "no FSPS data": Mistake(
        ["my.yaml, ssp_grids.mine.sps_home: got", "which is no folder", "git clone -b v3.3 --depth 1"],
        keys={"ssp_grids.mine": {"reader": "fsps", "sps_home": "nowhere"}, "sed.grids": ["bc03", "mine"]},
    ),
    "metallicity that is no node": Mistake(
        [
            "my.yaml, sed.metallicity_zsun: got 0.3",
            "ssp_grids.bc03.metallicity_zsun takes those of this grid",
        ],
        keys={"sed.metallicity_zsun": [0.2, 0.3]},
    ),
    "priors that end before they start": Mistake(
        ["my.yaml, sed.posterior.age_gyr: got max 2 below min 3, expected min <= max"],
        keys={"sed.posterior.age_gyr": {"min": 3.0, "max": 2.0}},
    ),
    "priors beyond the age of the Universe": Mistake(
        ["my.yaml, sed.posterior.age_gyr.min: got 10 Gyr", "less than the age of the Universe"],
        keys={"sed.posterior.age_gyr": {"min": 10.0, "max": 11.0}},
    ),
    "factor of errors that is zero": Mistake(
        ["my.yaml, sed.posterior.jitter_levels: got 0, expected factors of the errors, above 0"],
        keys={"sed.posterior.jitter_levels": [0, 1]},
    ),
    "rest-frame filter that nobody knows": Mistake(
        ["my.yaml, sed.rest_frame_filters: got the unknown filter 'bessel_B'", "did you mean bessell_B"],
        keys={"sed.rest_frame_filters": ["bessel_B"]},
    ),
    "rest-frame filter beyond the spectra": Mistake(
        ["my.yaml, sed.rest_frame_filters: F1000W, grid bc03", "outside the spectra at redshift 0"],
        keys={"sed.rest_frame_filters": ["F1000W"]},
    ),
    "zero points that err by more than half": Mistake(
        ["my.yaml, sed.comparison.zero_point_errors", "0.7"],
        keys={"sed.comparison.zero_point_errors": [0.7]},
    ),
    "forecast without a depth": Mistake(
        ["my.yaml, forecast.depths_mag: got no depth for F480M"],
        keys={"forecast.extra": ["F480M"], "forecast.depths_mag": {"F090W": 29.5}},
    ),
}

ENDS_THE_RUN = (
    "typo in a key",
    "key twice",
    ".4color file of a metallicity missing",
    "table missing",
    "negative error",
    "unknown filter",
    "forecast without a depth",
)
"""Mistakes of each part of the checks, with all of Snakemake around them; the others are shown to the checks alone."""


def write(folder, mistake):
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
    (folder / "my.yaml").write_text(mistake.text or yaml.safe_dump(config, sort_keys=False))
    table = TABLE
    for old, new in mistake.table.items():
        assert old in table
        table = table.replace(old, new)
    (folder / "my.csv").write_text(table)
    for name, content in mistake.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)


def assert_one_message(run, says, kind):
    """Status 1; on standard error one message, and nothing else but Snakemake's notices."""
    assert run.status == 1
    assert "Traceback" not in run.stdout + run.stderr
    assert re.fullmatch(rf"{kind}: [^\n]+\.(\nHint: [^\n]+)?", run.complaint), run.stderr
    position = 0
    for part in says:
        assert part in run.complaint[position:], run.complaint
        position = run.complaint.index(part, position) + len(part)


def merged(defaults, own):
    """Configuration of the user over the defaults, as Snakemake merges them."""
    if not (isinstance(defaults, dict) and isinstance(own, dict)):
        return own
    both = {key: merged(defaults[key], own[key]) for key in defaults.keys() & own.keys()}
    return defaults | own | both


def refuse():
    """What the rules do first with my.yaml, without Snakemake around it: `Run` that ends with its mistakes."""
    config = merged(load_yaml(REPO / "config" / "config.yaml"), yaml.safe_load(Path("my.yaml").read_text()))
    given = copy.deepcopy(config)
    place = {"repo": REPO, "user_files": ["my.yaml"]}
    with pytest.raises(UserError) as caught:
        fields.load(config, **place)
    mistakes = all_mistakes(caught.value, given, **place)
    return Run(1, "", "\n".join(f"{type(mistake).__name__}: {mistake}" for mistake in mistakes))


@pytest.mark.parametrize("name", [name for name in MISTAKES if name not in ENDS_THE_RUN])
def test_mistake(tmp_path, monkeypatch, name):
    mistake = MISTAKES[name]
    write(tmp_path, mistake)
    monkeypatch.chdir(tmp_path)
    assert_one_message(refuse(), mistake.says, mistake.kind)
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("name", ENDS_THE_RUN)
def test_mistake_ends_the_run(snakemake, tmp_path, name):
    mistake = MISTAKES[name]
    write(tmp_path, mistake)
    run = snakemake("--configfile", "my.yaml", cwd=tmp_path)
    assert_one_message(run, mistake.says, mistake.kind)
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "logs").exists()


def test_all_mistakes_at_once(snakemake, tmp_path):
    """A run is refused with what `make check` finds, in the same words: three mistakes, three messages."""
    mistake = Mistake([], keys={"figures.dip": 1, "fields.x.redshift": -1}, table={"9.4,1.2": "9.4,-1"})
    write(tmp_path, mistake)
    run = snakemake("--configfile", "my.yaml", cwd=tmp_path)
    assert run.status == 1
    lines = [line for line in run.complaint.splitlines() if not line.startswith("Hint")]
    for line, start in zip(
        lines,
        (
            "ConfigError: my.yaml, fields.x.redshift = -1: got -1",
            "ConfigError: my.yaml, figures.dip: got an unknown key",
            "DataError: my.csv, data row 1, column flux_err_F090W: got -1",
            "3 mistakes",
        ),
        strict=True,
    ):
        assert line.startswith(start), run.complaint


def test_the_command_itself_ends_alike(tmp_path):
    mistake = MISTAKES["negative redshift"]
    write(tmp_path, mistake)
    run = command("-s", REPO / "Snakefile", "--cores", "1", "--configfile", "my.yaml", cwd=tmp_path)
    assert_one_message(run, mistake.says, mistake.kind)


def test_mistake_on_the_command_line(snakemake, tmp_path):
    write(tmp_path, MISTAKES["negative redshift"])
    run = snakemake("--config", "figures={dip: 100}", cwd=tmp_path)
    assert_one_message(
        run, ["--config, figures.dip: got an unknown key", "did you mean 'dpi'?"], "ConfigError"
    )


def test_numbers_on_the_command_line(snakemake, tmp_path):
    """Snakemake hands nested values over as text; here they are the numbers and words that they are in a file."""
    write(tmp_path, Mistake([]))
    more = (
        "figures={dpi: 100}",
        "sed={flux_floor_fraction: 0.1}",
        "fields={x: {photometry_is_dereddened: true}}",
    )
    assert snakemake("-n", "--configfile", "my.yaml", "--config", *more, cwd=tmp_path).status == 0
    run = snakemake("-n", "--configfile", "my.yaml", "--config", "figures={dpi: many}", cwd=tmp_path)
    assert_one_message(run, ["--config, figures.dpi = 'many': got 'many', expected integer"], "ConfigError")


def test_dust_is_not_asked_for_where_it_is_corrected(snakemake, tmp_path):
    keys = {"fields.x.ebv": GONE, "fields.x.photometry_is_dereddened": True}
    write(tmp_path, Mistake([], keys=keys))
    assert snakemake("-n", "--configfile", "my.yaml", cwd=tmp_path).status == 0


def test_the_later_of_two_files_is_named(snakemake, tmp_path):
    write(tmp_path, Mistake([], keys={"figures.dpi": 100, "sed.flux_floor_fraction": 0.1}))
    (tmp_path / "later.yaml").write_text("figures: {dpi: 5}\nsed: {v_filter: auto}\n")
    run = snakemake("--configfile", "my.yaml", "later.yaml", cwd=tmp_path)
    assert_one_message(run, ["later.yaml, figures.dpi = 5"], "ConfigError")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fields:\n  x: [1,\n b: 2\n", "not valid JSON or YAML"),
        ("- 1\n- 2\n", "keys at top level"),
    ],
    ids=["syntax error", "not a mapping"],
)
def test_file_that_snakemake_itself_refuses(snakemake, tmp_path, text, says):
    """Snakemake reads the file before the workflow does: its words, but no traceback."""
    (tmp_path / "my.yaml").write_text(text)
    run = snakemake("--configfile", "my.yaml", cwd=tmp_path)
    assert run.status == 1
    assert run.complaint.startswith("WorkflowError:\nConfig file")
    assert says in run.complaint
    assert "Traceback" not in run.stderr


def test_unknown_source_in_a_target(snakemake, tmp_path):
    write(tmp_path, Mistake([]))
    run = snakemake("--configfile", "my.yaml", "--", "results/x/sed/bc03/src-three.ecsv", cwd=tmp_path)
    assert run.status == 1
    assert "Traceback" not in run.stderr
    message = re.search(
        r"^DataError: the chunk src-three of field x: got [^\n]+\nHint: [^\n]+\Z", run.complaint, re.M
    )
    assert message, run.complaint
    assert not (tmp_path / "results").exists()
    assert not any((tmp_path / ".snakemake" / "locks").iterdir())
