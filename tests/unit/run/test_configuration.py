"""The configuration: each mistake is one message with file, key, what was got, what is expected, a hint."""

import copy
import inspect
from pathlib import Path

import pytest
import yaml
from clusterphot.base.errors import ConfigError, DataError, UserError
from clusterphot.run import configuration
from clusterphot.run import fields as fieldset

REPO = Path(__file__).resolve().parents[3]
PHOTOMETRY = "\n".join(
    [
        "id,ra,dec,flux_F090W,flux_err_F090W,flux_F150W,flux_err_F150W,flux_F200W,flux_err_F200W",
        "a,110.0,-73.4,1,0.1,2,0.1,3,0.1",
        "b c,112.0,-73.6,1,0.1,2,0.1,3,0.1",
    ]
)


@pytest.fixture(scope="module")
def defaults():
    """config/config.yaml."""
    return configuration.load_yaml(REPO / "config" / "config.yaml")


@pytest.fixture
def table(tmp_path):
    """A table of photometry of two sources in three filters."""
    path = tmp_path / "t.csv"
    path.write_text(PHOTOMETRY + "\n")
    return str(path)


@pytest.fixture
def load(tmp_path, defaults, table, monkeypatch):
    """Function that loads ``my.yaml`` with this text over the defaults, as the workflow does."""

    def merge(base, changes):
        for key, value in changes.items():
            if isinstance(value, dict) and isinstance(base.get(key), dict):
                merge(base[key], value)
            else:
                base[key] = value

    def make(text=""):
        monkeypatch.chdir(tmp_path)
        text = text.replace("TABLE", table)
        if "fields:" not in text:
            text += f"\nfields: {{f1: {{redshift: 0.39, ebv: 0.18, photometry: {table}}}}}\n"
        (tmp_path / "my.yaml").write_text(text)
        config = copy.deepcopy(defaults)
        merge(config, configuration.load_yaml("my.yaml"))
        return fieldset.load(config, repo=REPO, user_files=["my.yaml"]), config

    return make


def field(**changes):
    """Text of a field with changed or (None) missing keys."""
    entry = {"redshift": 0.39, "ebv": 0.18, "photometry": "TABLE"} | changes
    entry = {key: value for key, value in entry.items() if value is not None}
    return yaml.safe_dump({"fields": {"f1": entry}})


# ----------------------------------------------------------------------------------------- what is legal


def test_shipped_configuration_is_legal(defaults, monkeypatch):
    """178 clusters in six filters; run from the repository, its paths stay relative."""
    monkeypatch.chdir(REPO)
    fields = fieldset.load(copy.deepcopy(defaults), repo=REPO, user_files=[])
    field = fields["smacs0723_published"]
    assert (len(field.ids), len(field.filters), field.redshift) == (178, 6, 0.39)
    assert field.is_dereddened and field.has_stack
    assert field.photometry == "resources/faisst2022/table1.csv"
    assert field.photometry_product == "results/smacs0723_published/photometry_dereddened.ecsv"


def test_shipped_fields_are_found_from_anywhere(defaults, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    fields = fieldset.load(copy.deepcopy(defaults), repo=REPO, user_files=[])
    assert Path(fields["smacs0723_published"].photometry) == REPO / "resources" / "faisst2022" / "table1.csv"


def test_fields_of_the_user_replace_the_shipped(load):
    fields, _ = load()
    assert fields.names == ["f1"]
    assert fields["f1"].ids == ["a", "b c"]
    assert fields["f1"].filters == ["F090W", "F150W", "F200W"]
    assert fields["f1"].photometry_product == "results/f1/photometry.ecsv"


def test_what_is_missing_is_filled_in(table, defaults):
    """As a module of another workflow that names only what differs; the user's values stay, mappings are merged."""
    own = {
        "fields": {"f1": {"redshift": 0.39, "ebv": 0.18, "photometry": table}},
        "sed": {"posterior": {"age_gyr": {"max": 9.0}}, "flux_floor_fraction": 0.05},
        "detection": {"relative_flux": {"F115W": 2.0}},
    }
    config = copy.deepcopy(own)
    assert fieldset.load(config, repo=REPO, user_files=[]).names == ["f1"]
    expected = copy.deepcopy(defaults) | {"fields": own["fields"]}
    expected["sed"]["posterior"]["age_gyr"]["max"] = 9.0
    expected["sed"]["flux_floor_fraction"] = 0.05
    expected["detection"]["relative_flux"]["F115W"] = 2.0
    assert config == expected


def test_a_simulated_field_is_filled_in(tmp_path, monkeypatch):
    """Its params then say all that it was drawn with; what has no default is left out."""
    monkeypatch.chdir(tmp_path)
    Path("s.csv").write_text("id,ra,dec\na,110.0,-73.4\n")
    entry = {"redshift": 0.39, "ebv": 0.18, "sources": "s.csv", "reference_filter": "F200W"}
    config = {"fields": {"f1": entry | {"simulation": {"halo": 0.5}}}}
    field = fieldset.load(config, repo=REPO, user_files=[])["f1"]
    assert (field.simulation["halo"], field.simulation["size_arcsec"]) == (0.5, 40.0)
    assert not {"clusters", "center_deg", "n_members"} & set(field.simulation)
    assert field.filters == ["F090W", "F150W", "F200W", "F277W", "F356W", "F444W"]


@pytest.mark.parametrize("redshift", [1e-5, 9e-5, 0.39, 1])
def test_grids_are_named_by_a_digest(table, redshift):
    """Short whatever the filters, and 1e-05 is no special case; equal fields share theirs."""
    entry = {"redshift": redshift, "ebv": 0.18, "photometry": table}
    other = entry | {"redshift": 0.5}
    config = {"fields": {"f1": entry, "f2": dict(entry), "f3": other}}
    fields = fieldset.load(config, repo=REPO, user_files=[])
    first, second, third = (fields[name].projection.digest for name in ("f1", "f2", "f3"))
    assert first == second != third
    assert len(first) == 10 and int(first, 16) >= 0
    assert fields.projections[first].redshift == redshift
    assert fields.projections[first].filters == ("F090W", "F150W", "F200W")


@pytest.mark.parametrize(
    ("section", "ages"),
    [
        ({"min": 0.5, "max": 11.0, "step": 0.5}, [0.5 * i for i in range(1, 23)]),
        ({"min": 0.1, "max": 0.3, "step": 0.1}, [0.1, 0.2, 0.3]),
        ({"min": 1.0, "max": 2.0, "step": 0.4}, [1.0, 1.4, 1.8]),
        ({"min": 2, "max": 2, "step": 1}, [2]),
    ],
)
def test_age_grid(section, ages):
    """Ends included, and 0.1 + 2 x 0.1 is 0.3 despite binary fractions."""
    assert configuration.age_grid(section) == ages


# ---------------------------------------------------------------------------------------- users' mistakes

MISTAKES = {
    "radius beyond the grid of sizes": (
        "sizes: {radii_pc: [10, 600]}",
        r"my\.yaml, sizes\.radii_pc: got 600 pc, expected at most sizes\.radius_max_pc = 500",
    ),
    "unknown key": (
        "sed: {flux_flor_fraction: 0.02}",
        r"my\.yaml, sed\.flux_flor_fraction: got an unknown key, expected one of .*\n"
        r"Hint: did you mean 'flux_floor_fraction'\?",
    ),
    "errors rescaled by nothing": (
        "photometry: {rescale_errors: proof}\nproof: {n_injections: 0}",
        r"my\.yaml, photometry\.rescale_errors: got proof, and proof\.n_injections: 0, expected artificial clusters",
    ),
    "unknown section": ("seds: {}", r"my\.yaml, seds: got an unknown key.*\nHint: did you mean 'sed'\?"),
    "unknown key without a neighbour": (
        "sed: {zzz: 1}",
        r"my\.yaml, sed\.zzz.*\nHint: see config/README\.md",
    ),
    "unknown key of a field": (
        field(redshfit=0.3),
        r"my\.yaml, fields\.f1\.redshfit: got an unknown key.*\nHint: did you mean 'redshift'\?",
    ),
    "wrong type": (
        "sed: {flux_floor_fraction: much}",
        r"my\.yaml, sed\.flux_floor_fraction = 'much': got 'much', expected number >= 0 and <= 0\.5\.\n"
        r"Hint: Fraction of the flux",
    ),
    "number that YAML takes for text": (
        "sed: {flux_floor_fraction: 1e-3}",
        r"got '1e-3'.*\nHint: .*write 1\.0e-3",
    ),
    "number without a sign after its e": (
        "sed: {posterior: {mass_max_msun: 1.5e9}}",
        r"got '1\.5e9', expected number > 0\.\nHint: .*write 1\.0e-3 or 1\.0e\+4",
    ),
    "number or word that YAML takes for text": (
        "luminosity: {mag_limit: 3e1}",
        r"got '3e1', expected auto or number >= 15 and <= 45\.\nHint: .*write 1\.0e-3",
    ),
    "boolean for a number": (
        "cosmology: {h0: true}",
        r"my\.yaml, cosmology\.h0 = true: got true, expected number",
    ),
    "section that is a value": ("sed: 3", r"my\.yaml, sed = 3: got 3, expected a section of keys"),
    "out of range": (
        "cosmology: {h0: 0.7}",
        r"my\.yaml, cosmology\.h0 = 0\.7: got 0\.7, expected number >= 30",
    ),
    "not a number": (
        "cosmology: {omega_m: .nan}",
        r"my\.yaml, cosmology\.omega_m: got nan, expected a number",
    ),
    "negative redshift": (
        field(redshift=-0.39),
        r"my\.yaml, fields\.f1\.redshift = -0\.39: got -0\.39, expected number > 0 and <= 2\.\n"
        r"Hint: Redshift of the cluster",
    ),
    "no redshift": (
        field(redshift=None),
        r"my\.yaml, fields\.f1\.redshift: got nothing, expected a value: it has no default\.\n"
        r"Hint: Redshift of the cluster",
    ),
    "no photometry": (field(photometry=None), r"my\.yaml, fields\.f1: got neither photometry nor sources"),
    "wrong choice": (
        "sed: {mass_convention: faisst}",
        r"my\.yaml, sed\.mass_convention = 'faisst': got 'faisst', expected vband or faisst2022",
    ),
    "dust neither number nor word": (
        field(ebv="sdf"),
        r"my\.yaml, fields\.f1\.ebv = 'sdf': got 'sdf', expected sfd or number >= 0 and <= 5",
    ),
    "no fields": (
        "fields: {}",
        r"my\.yaml, fields = \{\}.*expected a section of keys with at least this many keys: 1",
    ),
    "empty fields": ("fields:", r"my\.yaml, fields = None: got None, expected a section of keys"),
    "reserved name": (
        "fields: {ssp: {redshift: 0.3, ebv: 0, photometry: TABLE}}",
        r"my\.yaml, fields\.ssp: got the name 'ssp'",
    ),
    "name of our own file": (
        "fields: {reproduction.html: {redshift: 0.39, ebv: 0.1, photometry: p.csv}}",
        r"fields\.reproduction\.html: got the name 'reproduction.html', expected another name",
    ),
    "name of 300 letters": (
        f"fields: {{{'a' * 300}: {{redshift: 0.39, ebv: 0.1, photometry: p.csv}}}}",
        r"fields: got a name of 300 characters \(aaaaaaaaaaaaaaaaaaaa\.\.\.\), expected at most 100",
    ),
    "name of equal parts": (
        f"fields: {{{'ab' * 20}: {{redshift: 0.39, ebv: 0.1, photometry: p.csv}}}}",
        r"fields: got the name (ab){20}, expected one that does not end in twenty equal parts",
    ),
    "braces in a path": (
        "fields: {x: {redshift: 0.39, ebv: 0.1, photometry: 'p{a}.csv'}}",
        r"fields\.x\.photometry = 'p\{a\}\.csv': got braces, expected a path without them",
    ),
    "line break in a path": (
        'fields: {x: {redshift: 0.39, ebv: 0.1, photometry: "p\\n.csv"}}',
        r"fields\.x\.photometry = .*: got a control character, expected a path without them",
    ),
    "reserved report": (
        "fields: {report: {redshift: 0.3, ebv: 0, photometry: TABLE}}",
        r"fields\.report: got the name 'report'.*\nHint: it is a folder of results",
    ),
    "name with a slash": (
        "fields: {a/b: {redshift: 0.3, ebv: 0, photometry: TABLE}}",
        r"fields\.a/b: got the name 'a/b'",
    ),
    "name that is a number": (
        "fields: {2744: {redshift: 0.3, ebv: 0, photometry: TABLE}}",
        r"my\.yaml, fields\.2744: got the key 2744, expected text\.\nHint: write it in quotes: '2744'",
    ),
    "bad grid name": (
        "ssp_grids: {my-grid: {reader: embedded}}",
        r"my\.yaml, ssp_grids.*: got 'my-grid', expected a name of letters, digits and _",
    ),
    "grid that is not defined": (
        "sed: {grids: [bc03, fsps]}",
        r"my\.yaml, sed\.grids: got fsps, expected names of ssp_grids: bc03",
    ),
    "fiducial grid not fitted": (
        "sed: {fiducial_grid: fsps}",
        r"sed\.fiducial_grid: got fsps, expected one of sed\.grids",
    ),
    "grid twice": ("sed: {grids: [bc03, bc03]}", r"sed\.grids = .*expected a list .*each once"),
    "ages that end before they begin": (
        "sed: {age_gyr: {min: 5.0, max: 1.0}}",
        r"my\.yaml, sed\.age_gyr: got max 1\.0 below min 5\.0, expected min <= max",
    ),
    "too many ages": (
        "sed: {age_gyr: {step: 0.001}}",
        r"sed\.age_gyr\.step: got 0\.001, expected a grid of at most 5000",
    ),
    "metallicity that is no node": (
        "sed: {metallicity_zsun: [0.2, 0.3]}",
        r"my\.yaml, sed\.metallicity_zsun: got 0\.3, expected .*0\.005, 0\.02, 0\.2, 0\.4, 1, 2\.5.*\n"
        r"Hint: .*Z = 0\.02",
    ),
    "no chunks": (
        "batching: {n_chunks: 0}",
        r"batching\.n_chunks = 0: got 0, expected auto or per_source or integer >= 1",
    ),
    "v filter of another field": (
        "sed: {v_filter: F115W}",
        r"my\.yaml, sed\.v_filter: got F115W, expected auto or a filter of field f1: F090W, F150W, F200W",
    ),
    "no dust maps": (
        field(ebv="sfd"),
        r"dust\.sfd_map_dir: got nothing, expected the folder with the SFD98 maps\.\n"
        r"Hint: field f1 has ebv = sfd\. Download .*https://github\.com/kbarbary/sfddata",
    ),
    "folder without dust maps": (
        "dust: {sfd_map_dir: '.'}\n" + field(ebv="sfd"),
        r"my\.yaml, dust\.sfd_map_dir: got \., which lacks SFD_dust_4096_ngp\.fits",
    ),
    "no folder of .4color files": (
        "sed: {four_color_dir: nowhere}",
        r"my\.yaml, sed\.four_color_dir = nowhere: got no such folder, expected a folder of GALAXEV",
    ),
    "folder without .4color files": (
        "sed: {four_color_dir: '.'}",
        r"my\.yaml, sed\.four_color_dir = \.: got no \.4color file",
    ),
    "photometry that is not there": (
        field(photometry="nowhere.csv"),
        r"my\.yaml, fields\.f1\.photometry = nowhere\.csv: got no such file",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_named(load, text, message):
    with pytest.raises(UserError, match=message):
        load(text)


def test_only_the_jobs_of_the_main_process_check(load, defaults, table, tmp_path):
    """A submitted job reads the same configuration again and trusts it."""
    config = copy.deepcopy(defaults)
    config["fields"] = {"f1": {"redshift": 0.39, "ebv": 0.18, "photometry": table}}
    config["figures"]["dpi"] = "many"
    fieldset.load(config, repo=REPO, user_files=[], check=False)
    with pytest.raises(ConfigError, match=r"config/config\.yaml, figures\.dpi = 'many'"):
        fieldset.load(config, repo=REPO, user_files=[])


def test_unknown_filter(load, tmp_path):
    path = tmp_path / "u.csv"
    path.write_text("id,flux_F155W,flux_err_F155W\na,1,1\nb,1,1\n")
    with pytest.raises(ConfigError, match=r"got the unknown filter 'F155W'.*\nHint: did you mean .*F150W"):
        load(field(photometry=str(path)))


def test_stack_must_be_one_row_of_the_same_filters(load, tmp_path, table):
    with pytest.raises(DataError, match=r"t\.csv: got 2 rows, expected one row: the stack"):
        load(field(stack_photometry=table))
    path = tmp_path / "stack.csv"
    path.write_text("flux_F090W,flux_err_F090W\n1,0.1\n")
    with pytest.raises(
        DataError, match=r"stack\.csv, header: got the filters \['F090W'\], expected those of .*F200W"
    ):
        load(field(stack_photometry=str(path)))


def test_dust_maps_need_positions(load, tmp_path):
    for pole in ("ngp", "sgp"):
        (tmp_path / f"SFD_dust_4096_{pole}.fits").touch()
    path = tmp_path / "p.csv"
    path.write_text("id,flux_F090W,flux_err_F090W\na,1,1\nb,1,1\n")
    with pytest.raises(
        ConfigError, match=r"fields\.f1\.ebv: got sfd, expected a number\.\nHint: .*no columns ra and dec"
    ):
        load("dust: {sfd_map_dir: '.'}\n" + field(ebv="sfd", photometry=str(path)))


def test_dust_is_looked_up_in_the_middle_of_the_field(load, tmp_path):
    """Two sources 2 deg apart in RA at Dec -73.4 and -73.6: the mean direction is near (111, -73.5)."""
    for pole in ("ngp", "sgp"):
        (tmp_path / f"SFD_dust_4096_{pole}.fits").touch()
    fields, _ = load("dust: {sfd_map_dir: '.'}\n" + field(ebv="sfd"))
    assert fields["f1"].sfd_center_deg == pytest.approx((111.0, -73.5), abs=0.01)


# ---------------------------------------------------------------------------------------------- YAML files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            r"x\.yaml, line 3: got the key 'a' twice in one section, expected YAML, each key once",
        ),
        ("a: {b: 1, b: 2}\n", r"x\.yaml, line 1: got the key 'b' twice"),
        ("a: [1, 2\n", r"x\.yaml, line 2: got .*, expected YAML"),
        ("- a\n", r"x\.yaml: got list, expected a mapping of keys to values"),
        ("a:\tb: c\n", r"x\.yaml, line 1: got .*, expected YAML"),
    ],
    ids=["doubled key", "doubled key in a section", "open bracket", "list", "tab"],
)
def test_bad_yaml(tmp_path, text, message):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        configuration.load_yaml(path)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n"])
def test_a_file_without_keys(tmp_path, text):
    """Snakemake refuses it, so we do before, and say what is empty and none the less a configuration."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(
        ConfigError, match=r"x\.yaml: got nothing but comments, expected a mapping.*\nHint: `{}`"
    ):
        configuration.load_yaml(path)
    path.write_text("{} # nothing\n")
    assert configuration.load_yaml(path) == {}


def test_missing_yaml(tmp_path):
    with pytest.raises(
        ConfigError, match=r"no\.yaml: got No such file or directory, expected a readable YAML file"
    ):
        configuration.load_yaml(tmp_path / "no.yaml")


def test_the_file_that_holds_the_key_is_named(tmp_path, monkeypatch):
    """The last of the user's files that has the key, else the defaults."""
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text("sed: {v_filter: F150W}\ndust: {r_v: 3}\n")
    Path("two.yaml").write_text("sed: {v_filter: F200W}\n")
    origin = configuration.locate_keys(["one.yaml", "two.yaml"], "defaults.yaml")
    assert origin(("sed", "v_filter")) == "two.yaml"
    assert origin(("dust", "r_v")) == "one.yaml"
    assert origin(("figures", "dpi")) == "defaults.yaml"


# ------------------------------------------------------------------------------------------------- fields


def test_chunk_ids(load):
    """A chunk of the deal, or src-<id> whatever the deal; anything else is a mistake."""
    fields, _ = load("batching: {n_chunks: 1}")
    field = fields["f1"]
    assert field.chunks == {"c000": ["a", "b c"]}
    assert field.chunk_ids("c000") == ["a", "b c"]
    assert field.chunk_ids("src-b%20c") == ["b c"]
    with pytest.raises(DataError, match="the chunk src-z of field f1: got no source"):
        field.chunk_ids("src-z")


def test_rows_digest_sees_its_rows_alone(tmp_path):
    """A changed row changes the digest of its own chunk; order and other rows do not."""
    digests = {}
    lines = PHOTOMETRY.splitlines()
    variants = {
        "original": lines,
        "other changed": [lines[0], lines[1], lines[2].replace("112.0", "112.1")],
        "reordered": [lines[0], lines[2], lines[1]],
        "own changed": [lines[0], lines[1].replace("110.0", "110.1"), lines[2]],
        "header changed": [lines[0].replace("ra,", "RA,"), *lines[1:]],
    }
    for name, text in variants.items():
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(text))
        digests[name] = fieldset.rows_digest(str(path), ["a"])
    assert digests["original"] == digests["other changed"] == digests["reordered"]
    assert len({digests[name] for name in ("original", "own changed", "header changed")}) == 3


@pytest.mark.parametrize(
    ("names", "text", "matches"), [(["a.b"], "a.b", True), (["a.b"], "axb", False), ([], "", False)]
)
def test_alternatives(names, text, matches):
    import re

    assert bool(re.fullmatch(fieldset.alternatives(names), text)) == matches


def test_four_color_files(tmp_path):
    """Sorted, and a folder with brackets in its name is a folder, not a pattern."""
    folder = tmp_path / "a[1]"
    folder.mkdir()
    for name in ("b.4color", "a.4color", "c.txt"):
        (folder / name).touch()
    assert [Path(path).name for path in fieldset.four_color_files(str(folder))] == ["a.4color", "b.4color"]
    assert fieldset.four_color_files(None) == []


def test_nothing_heavy_is_imported_while_the_rules_are_read():
    """Each submitted job reads the configuration again; astropy alone would cost it a second."""
    import subprocess
    import sys

    code = inspect.cleandoc(
        """
        import sys
        from pathlib import Path
        from clusterphot.run import codes, configuration, fields
        repo = Path.cwd()
        config = configuration.load_yaml(repo / "config" / "config.yaml")
        fields.load(config, repo=repo, user_files=[])
        heavy = ("astropy", "scipy", "sedpy", "matplotlib", "photutils")
        print([name for name in heavy if name in sys.modules])
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPO,
        env={"PYTHONPATH": str(REPO / "workflow" / "scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"
