"""`make check`: each planted mistake is named in one line, with file or key, and nothing is named without one."""

import copy
import csv
import gzip
import shutil
from dataclasses import dataclass, field

import check_config as command
import numpy as np
import pytest
import yaml
from astropy.io import fits
from clusterphot.run.checks import psf_stars, samples, sky
from clusterphot.run.checks.findings import ERROR, OK, UNSEEN, WARNING
from clusterphot.run.checks.run import check_config
from image_field import write_pair
from running import REPO
from test_errors import GONE

F150W, F200W = "fields.x.mosaics.F150W", "fields.x.mosaics.F200W"
CONFIG = {
    "fields": {
        "x": {
            "redshift": 0.39,
            "ebv": 0.1,
            "sources": "my.csv",
            "reference_filter": "F200W",
            "mosaics": {
                filt: {kind: f"{filt.lower()}_{kind}.fits" for kind in ("sci", "wht", "psf")}
                for filt in ("F150W", "F200W")
            },
        }
    }
}


@dataclass(frozen=True)
class Planted:
    """A mistake and the one line that must name it.

    Attributes
    ----------
    check : str
        Column of that name in the table.
    says : list of str
        Parts of the line, in this order.
    filt : str
        Filter of the line.
    status : str
    keys : dict
        Dotted key of the configuration to its value, or to GONE.
    text : bytes
        The whole configuration, instead.
    rows : callable or None
        Changes the rows of the source list (list of dict) in place.
    files : callable or None
        Changes files in the folder given.
    deep : bool
    """

    check: str
    says: list
    filt: str = ""
    status: str = ERROR
    keys: dict = field(default_factory=dict)
    text: bytes = b""
    rows: object = None
    files: object = None
    deep: bool = False


def image(name, change):
    """Function that replaces a file by one whose data and header ``change`` has changed or returned."""

    def edit(folder):
        data, header = fits.getdata(folder / name, header=True)
        data = data.copy()
        new = change(data, header)
        (folder / name).unlink()
        fits.PrimaryHDU(data if new is None else new, header).writeto(folder / name)

    return edit


def header(name, **cards):
    """Function that changes cards of a header; None removes one."""

    def change(data, head):
        for key, value in cards.items():
            if value is None:
                del head[key]
            else:
                head[key] = value

    return image(name, change)


def move(name, east_arcsec):
    """Function that moves the sky of a file to the east."""

    def change(data, head):
        head["CRVAL1"] += east_arcsec / 3600.0 / np.cos(np.deg2rad(head["CRVAL2"]))

    return image(name, change)


def both(*edits):
    """Function that makes several changes of files."""
    return lambda folder: [edit(folder) for edit in edits]


def set_rows(**columns):
    """Function that computes columns of the source list: ``ra=lambda row: ...``."""

    def edit(rows):
        for row in rows:
            row.update({name: str(value(row)) for name, value in columns.items()})

    return edit


def shifted(east_arcsec):
    """Function that moves the source list to the east."""
    return set_rows(
        ra=lambda row: float(row["ra"]) + east_arcsec / 3600.0 / np.cos(np.deg2rad(float(row["dec"])))
    )


def swap_contents(folder):
    """Exchange what is in f150w_sci.fits and f150w_wht.fits, their headers' units kept with the names."""
    sci, head = fits.getdata(folder / "f150w_sci.fits", header=True)
    wht = fits.getdata(folder / "f150w_wht.fits")
    for kind, data in (("sci", wht), ("wht", sci)):
        (folder / f"f150w_{kind}.fits").unlink()
        fits.PrimaryHDU(data, head).writeto(folder / f"f150w_{kind}.fits")


def fill(value, where=slice(None)):
    """Function that sets pixels of an image."""

    def change(data, head):
        data[where] = value

    return change


def noise_only(data, head):
    """An image of the same noise without sources."""
    return np.random.default_rng(5).normal(scale=np.nanstd(data[:50]), size=data.shape).astype("f4")


def cut_gz(folder):
    """f150w_sci.fits.gz whose last third is missing."""
    packed = gzip.compress((folder / "f150w_sci.fits").read_bytes(), compresslevel=1)
    (folder / "f150w_sci.fits.gz").write_bytes(packed[: len(packed) * 2 // 3])


def write(name, content):
    """Function that writes a file."""

    def edit(folder):
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(content)

    return edit


def no_stars(**more):
    """A `Planted` in a field whose PSFs are to be built."""
    return Planted(filt="F200W", keys={f"{F150W}.psf": GONE, f"{F200W}.psf": GONE}, **more)


PLANTED = {
    # the file and its keys
    "YAML syntax error": Planted(
        "file", ["my.yaml, line 4: got", "expected YAML"], text=b"fields:\n  x: [1,\n b: 2\n"
    ),
    "not UTF-8": Planted(
        "file",
        ["my.yaml: got byte 0xe9 that is not UTF-8", "save it as UTF-8"],
        text=b"fields: {caf\xe9: 1}\n",
    ),
    "key twice": Planted(
        "file",
        ["my.yaml, line 2: got the key 'sed' twice"],
        text=b"sed: {v_filter: auto}\nsed: {grids: [bc03]}\n",
    ),
    "redshift missing": Planted(
        "keys", ["my.yaml, fields.x.redshift: got nothing", "Redshift"], keys={"fields.x.redshift": GONE}
    ),
    "extinction missing": Planted(
        "keys", ["my.yaml, fields.x.ebv: got nothing"], keys={"fields.x.ebv": GONE}
    ),
    "marker left in place": Planted(
        "keys", ["my.yaml, fields.x.redshift = 'TODO'", "expected number"], keys={"fields.x.redshift": "TODO"}
    ),
    "typo in a key": Planted(
        "keys",
        [f"my.yaml, {F150W}.wth: got an unknown key", "did you mean 'wht'?"],
        filt="F150W",
        keys={f"{F150W}.wth": "a.fits"},
    ),
    "SFD maps missing": Planted("dust", ["dust.sfd_map_dir: got nothing"], keys={"fields.x.ebv": "sfd"}),
    # models and filters
    "age outside the grid": Planted(
        "keys", ["my.yaml, sed.age_gyr.max = 20", "<= 14"], keys={"sed.age_gyr.max": 20}
    ),
    "metallicity between the nodes": Planted(
        "models", ["my.yaml, sed.metallicity_zsun: got 0.3"], keys={"sed.metallicity_zsun": [0.2, 0.3]}
    ),
    "typo in a filter's name": Planted(
        "filter",
        ["field x, filter F201W: got the unknown filter 'F201W'", "did you mean F200W"],
        filt="F201W",
        keys={"fields.x.mosaics.F201W": CONFIG["fields"]["x"]["mosaics"]["F200W"]},
    ),
    "filter beyond the models": Planted(
        "coverage",
        ["field x, filter F770W, grid bc03: got a curve", "leave the filter out"],
        filt="F770W",
        keys={"fields.x.redshift": 0.01, "fields.x.mosaics.F770W": CONFIG["fields"]["x"]["mosaics"]["F200W"]},
    ),
    "reference filter without a mosaic": Planted(
        "reference",
        [
            "my.yaml, fields.x.reference_filter: got 'F444W', expected one of the field's filters: F150W, F200W"
        ],
        keys={"fields.x.reference_filter": "F444W"},
    ),
    "band forgotten": Planted(
        "bands",
        ["f277w_sci.fits lies beside the mosaics, but F277W is not configured"],
        status=WARNING,
        files=lambda folder: shutil.copy(folder / "f200w_sci.fits", folder / "f277w_sci.fits"),
    ),
    "band too few": Planted("bands", ["got 2 filters (F150W, F200W), expected 4"], status=WARNING),
    # files and headers
    "band missing": Planted(
        "files",
        [f"my.yaml, {F150W}.sci = f150w_sci.fits: got no such file", "relative to the working directory"],
        filt="F150W",
        files=lambda folder: (folder / "f150w_sci.fits").unlink(),
    ),
    "web page instead of a mosaic": Planted(
        "headers",
        ["f150w_sci.fits: got a web page, expected a FITS file", "download it again"],
        filt="F150W",
        files=write("f150w_sci.fits", b"<html>"),
    ),
    "no unit": Planted(
        "headers",
        ["f150w_sci.fits, BUNIT of the image: got no unit"],
        filt="F150W",
        files=header("f150w_sci.fits", BUNIT=None),
    ),
    "wrong unit": Planted(
        "unit",
        ["f150w_sci.fits, BUNIT 'Jy': got noise of", "expected 21 to 34 AB", "is the unit right?"],
        filt="F150W",
        files=header("f150w_sci.fits", BUNIT="Jy", PHOTFNU=None),
    ),
    "unit against PHOTFNU": Planted(
        "headers",
        ["f150w_sci.fits, PHOTFNU of the image: got 1e-08 Jy, expected 1e-09 Jy"],
        filt="F150W",
        files=header("f150w_sci.fits", BUNIT="nJy", PHOTFNU=1e-8),
    ),
    "mosaic under another filter": Planted(
        "filter",
        ["f150w_sci.fits, header: got F115W, expected F150W, under which it is given"],
        filt="F150W",
        files=header("f150w_sci.fits", FILTER="F115W"),
    ),
    "PSF missing": Planted(
        "psf",
        [f"my.yaml, {F150W}.psf = gone.fits: got no such file"],
        filt="F150W",
        keys={f"{F150W}.psf": "gone.fits"},
    ),
    "table of exposures missing": Planted(
        "exposures",
        [f"my.yaml, {F150W}.exposures = gone_wcs.csv: got no such file"],
        filt="F150W",
        keys={f"{F150W}.exposures": "gone_wcs.csv"},
    ),
    "exposures of another instrument": Planted(
        "exposures",
        ["detector not known: fluxes get no error by dither phase", "native_pixel_arcsec or phase_error"],
        status=WARNING,
        filt="F150W",
        files=header("f150w_sci.fits", INSTRUME="HSC"),
    ),
    "no PSF stars": no_stars(
        check="PSF stars",
        says=["f200w_sci.fits: got no PSF star in the whole image", "give `psf: file` for F150W, F200W"],
        files=image("f200w_sci.fits", noise_only),
    ),
    "weight of another shape": Planted(
        "headers",
        ["f150w_wht.fits, shape of the weight", "got 900 x 1000, expected 1000 x 1000 as f150w_sci.fits"],
        filt="F150W",
        files=image("f150w_wht.fits", lambda data, head: data[:900]),
    ),
    # pixels
    "sci and wht exchanged in the configuration": Planted(
        "headers",
        ["sci and wht: got sci: f150w_wht.fits, wht: f150w_sci.fits", "exchange them"],
        filt="F150W",
        keys={f"{F150W}.sci": "f150w_wht.fits", f"{F150W}.wht": "f150w_sci.fits"},
    ),
    "sci and wht exchanged in the files": Planted(
        "pixels",
        ["f150w_sci.fits", "got no negative pixel in sci and", "sci and wht look exchanged"],
        filt="F150W",
        files=swap_contents,
    ),
    "image of NaN": Planted(
        "pixels",
        ["f150w_sci.fits, weight f150w_wht.fits: got no usable pixel among"],
        filt="F150W",
        files=image("f150w_sci.fits", fill(np.nan)),
    ),
    "third of the image NaN": Planted(
        "pixels",
        ["f150w_sci.fits: got no finite value in 33% of the pixels, with weights above zero"],
        filt="F150W",
        status=WARNING,
        files=image("f150w_sci.fits", fill(np.nan, slice(0, 333))),
    ),
    "image of zeros": Planted(
        "pixels",
        ["f150w_sci.fits, weight f150w_wht.fits: got no usable pixel among", "the image is constant"],
        filt="F150W",
        files=image("f150w_sci.fits", fill(0.0)),
    ),
    "weights of zero": Planted(
        "pixels",
        ["f150w_wht.fits: got no usable pixel among", "zero"],
        filt="F150W",
        files=image("f150w_wht.fits", fill(0.0)),
    ),
    "negative weights": Planted(
        "pixels",
        ["f150w_wht.fits: got 104000 of 1000000 weights below zero", "expected weights > 0"],
        filt="F150W",
        files=image("f150w_wht.fits", fill(-1.0, slice(0, 104))),
    ),
    "exposure times as weights": Planted(
        "weights",
        ["f150w_wht.fits: got weights that make the noise", "not exposure times"],
        filt="F150W",
        status=WARNING,
        files=image("f150w_wht.fits", fill(9.0e6)),
    ),
    "truncated gz": Planted(
        "pixels",
        ["f150w_sci.fits.gz: got a damaged gzip file", "copy or download it again"],
        filt="F150W",
        keys={f"{F150W}.sci": "f150w_sci.fits.gz"},
        files=cut_gz,
        deep=True,
    ),
    # the sky
    "WCS shifted by a fraction of an arcsec": Planted(
        "WCS",
        ["f150w_sci.fits, WCS: got a sky 0.30 arcsec (1", "px) from that of F200W (east +0.30"],
        filt="F150W",
        files=both(move("f150w_sci.fits", 0.3), move("f150w_wht.fits", 0.3)),
    ),
    "WCS of the weight alone shifted": Planted(
        "headers",
        ["f150w_wht.fits, WCS of the weight", "got pixels that lie up to 15.0 px from those of the image"],
        filt="F150W",
        files=move("f150w_wht.fits", 0.3),
    ),
    "mosaic of another place": Planted(
        "overlap",
        [
            "f150w_sci.fits: got image around RA",
            "none of 30 sources in it",
            "is the WCS of this mosaic right",
        ],
        filt="F150W",
        files=both(move("f150w_sci.fits", 600.0), move("f150w_wht.fits", 600.0)),
    ),
    # the source list
    "list in hours": Planted(
        "sources",
        ["f150w_sci.fits: got image around RA", "Hint: ra is in hours"],
        rows=set_rows(ra=lambda row: float(row["ra"]) / 15),
    ),
    "list with ra and dec exchanged": Planted(
        "sources",
        ["Hint: ra and dec are exchanged"],
        rows=set_rows(ra=lambda row: 30.0, dec=lambda row: 60.0),
        files=both(
            *(
                header(f"{filt}_{kind}.fits", CRVAL1=60.0, CRVAL2=30.0)
                for filt in ("f150w", "f200w")
                for kind in ("sci", "wht")
            )
        ),
    ),
    "hours, minutes": Planted(
        "sources",
        ["my.csv, data row 1, column ra: got '7:23.32', expected degrees from 0 to 360"],
        rows=set_rows(ra=lambda row: "7:23.32"),
    ),
    "list of another field": Planted(
        "sources",
        ["f150w_sci.fits: got image around RA", "(the first at RA 2", "of the same field"],
        rows=set_rows(ra=lambda row: float(row["ra"]) - 90.0),
    ),
    "list shifted by a fraction of an arcsec": Planted(
        "positions",
        ["my.csv on f200w_sci.fits: got light 0.2", "beside the 2", "one astrometric frame"],
        filt="F200W",
        rows=shifted(0.2),
    ),
    "list of another part of the field": Planted(
        "positions",
        ["my.csv on f200w_sci.fits: got no light in the stack of", "is it the list of this field"],
        filt="F200W",
        status=WARNING,
        rows=shifted(2.5),
    ),
    "id twice": Planted(
        "sources",
        ["my.csv, data rows 2 and 3, column id: got 'same' twice, expected each id once"],
        rows=lambda rows: [row.update(id="same") for row in rows[1:3]],
    ),
    "source twice": Planted(
        "sources",
        ["1 pair of sources nearer than 0.02 arcsec", "(data rows 1 and 3)"],
        status=WARNING,
        rows=lambda rows: rows[2].update(ra=rows[0]["ra"], dec=rows[0]["dec"]),
    ),
    "list missing": Planted(
        "sources",
        ["my.yaml, fields.x.sources = gone.csv: got no such file"],
        keys={"fields.x.sources": "gone.csv"},
    ),
    "column missing": Planted(
        "sources",
        ["my.csv, header: got no column 'ra'", "the columns are: ", "alpha"],
        rows=lambda rows: [row.update(alpha=row.pop("ra")) for row in rows],
    ),
}


@pytest.fixture(scope="module")
def mosaics(drawn_field, tmp_path_factory):
    """Folder with the mosaics, PSFs and list of the simulated field, uncompressed, not to be changed."""
    folder = tmp_path_factory.mktemp("checked")
    for path in drawn_field.folder.glob("*.fits"):
        (folder / path.name).symlink_to(path)
    with gzip.open(drawn_field.folder / "f150w_sci.fits.gz") as packed:
        (folder / "f150w_sci.fits").write_bytes(packed.read())
    return folder


@pytest.fixture
def plant(mosaics, drawn_field, tmp_path, monkeypatch):
    """Function that makes a working directory with a mistake in it, goes there, and returns the findings."""

    def make(*planted):
        for path in mosaics.iterdir():
            (tmp_path / path.name).symlink_to(path)
        config, rows = copy.deepcopy(CONFIG), [dict(row) for row in drawn_field.rows]
        for mistake in planted:
            set_keys(config, mistake.keys)
            if mistake.rows:
                mistake.rows(rows)
            if mistake.files:
                mistake.files(tmp_path)
        text = next((mistake.text for mistake in planted if mistake.text), b"")
        (tmp_path / "my.yaml").write_bytes(text or yaml.safe_dump(config, sort_keys=False).encode())
        with open(tmp_path / "my.csv", "w", newline="", encoding="utf-8") as stream:
            table = csv.DictWriter(stream, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
        monkeypatch.chdir(tmp_path)
        return check_config("my.yaml", REPO, deep=any(mistake.deep for mistake in planted))

    return make


def set_keys(config, keys):
    """Set dotted keys of a nested dictionary, or delete them."""
    for key, value in keys.items():
        *path, last = key.split(".")
        section = config
        for name in path:
            section = section.setdefault(name, {})
        if value is GONE:
            del section[last]
        else:
            section[last] = value


def lines_of(findings, mistake):
    """Lines that name a planted mistake."""
    return [
        finding.text
        for finding in findings.all
        if (finding.check, finding.filt, finding.status) == (mistake.check, mistake.filt, mistake.status)
        and holds(finding.text, mistake.says)
    ]


def holds(text, parts):
    """Whether the parts occur in a text, in their order."""
    position = 0
    for part in parts:
        position = text.find(part, position)
        if position < 0:
            return False
    return True


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_named_in_one_line(plant, name):
    findings = plant(PLANTED[name])
    assert len(lines_of(findings, PLANTED[name])) == 1, findings.table()
    assert len(findings.table().splitlines()) == 1 + len(findings.all)
    if PLANTED[name].status == ERROR:  # nothing else is an error but what follows from the mistake
        others = [f for f in findings.all if f.status == ERROR and not holds(f.text, PLANTED[name].says)]
        assert len(others) <= 1, findings.table()


def test_all_mistakes_at_once(plant):
    names = (
        *("redshift missing", "typo in a key", "age outside the grid", "id twice"),
        *("no unit", "reference filter without a mosaic"),
    )
    findings = plant(*(PLANTED[name] for name in names))
    for name in names:
        assert len(lines_of(findings, PLANTED[name])) == 1, (name, findings.table())


def test_nothing_is_found_where_nothing_is_wrong(plant):
    findings = plant()
    assert {f.text for f in findings.all if f.status != OK} == {
        "1 of 30 sources lie on none of the images ('outside' at RA 110.79764, Dec -73.45470); all their fluxes will "
        "be NaN.",
        "got 2 filters (F150W, F200W), expected 4 or more for ages and metallicities: fits have no degrees of "
        "freedom, or rows are flagged TOO_FEW_BANDS.",
        "got F150W as the filter nearest to rest-frame V at z = 0.39, expected one near 7645 A. Hint: log_mass "
        "extrapolates, use log_mass_sed.",
    }


def test_stars_are_counted_like_in_a_run(plant, drawn_field):
    """The field has 25 stars of 25-27 mag and 8 brighter ones; some are crowded or at the edge."""
    findings = plant(no_stars(check="", says=[]))
    (stars,) = [f for f in findings.all if f.check == "PSF stars"]
    assert (stars.status, stars.filt) == (OK, "F200W"), stars
    assert 8 <= int(stars.text.split()[1].rstrip(":")) <= 33


def test_a_packed_mosaic_is_said_to_be_unseen_unless_deep(plant, monkeypatch):
    """The first rows of a .gz are looked at, and what is wrong behind them needs a deep look."""
    monkeypatch.setattr(samples, "GZIP_BYTES", 4 * 1000 * 100)
    findings = plant(PLANTED["truncated gz"])
    assert any("damaged gzip" in f.text for f in findings.all)
    findings = check_config("my.yaml", REPO)
    assert not any("damaged gzip" in f.text for f in findings.all)
    unseen = {f.check for f in findings.all if f.status == UNSEEN and f.filt == "F150W"}
    assert unseen == {"WCS", "sources"}, findings.table()
    assert findings.count(ERROR) == 0


@pytest.mark.parametrize("deep", [False, True], ids=["shallow", "deep"])
def test_the_command(plant, tmp_path, monkeypatch, capsys, deep):
    """Exit status, table and the next command, from another folder."""
    plant()
    monkeypatch.chdir(REPO)
    options = ["--config", "my.yaml", "--start", str(tmp_path)] + ["--deep"] * deep
    assert command.main(options) == 0
    out = capsys.readouterr().out
    assert out.split()[:4] == ["status", "field", "filter", "check"]
    assert "0 errors, 3 warnings" in out
    assert f"make run CONFIG={tmp_path}/my.yaml\n" in out


def test_what_is_next(tmp_path):
    """Only what is needed: the folder where it is another one, the search where there is no list yet."""
    path = tmp_path / "my.yaml"
    path.write_text("fields: {a: {sources: list.csv}, b: {photometry: b.csv}}\n")
    assert command.next_command(path, tmp_path) == f"make run CONFIG={path}"
    path.write_text("fields: {a: {sources: detect}}\n")
    expected = f"make run CONFIG={path} DIRECTORY={tmp_path}/run ARGS=candidates"
    assert command.next_command(path, tmp_path / "run") == expected
    path.write_text("# nothing\n")
    assert command.next_command(path, tmp_path) == f"make run CONFIG={path}"


def test_the_command_fails_on_an_error(tmp_path, capsys):
    assert command.main(["--config", "gone.yaml", "--start", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "ERROR" in out and "gone.yaml: got No such file or directory" in out and "1 error," in out
    (tmp_path / "my.yaml").write_text("fields: {}\n")
    assert command.main(["--config", "my.yaml", "--directory", "gone", "--start", str(tmp_path)]) == 1
    assert "DIRECTORY=gone: got no such folder" in capsys.readouterr().err


def test_a_folder_that_the_run_cannot_write(workdir, monkeypatch, capsys):
    """As a run says before its first job."""
    (workdir / "results").touch()
    monkeypatch.chdir(workdir)
    assert command.main(["--config", "small.yaml", "--start", str(workdir)]) == 1
    assert "results: got a file, expected a folder for what the run makes" in capsys.readouterr().out


def test_the_shipped_configuration_passes(monkeypatch, capsys):
    assert command.main([]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out


def test_values_of_the_wrong_kind_are_findings(tmp_path, monkeypatch):
    """Whatever stands at a key, there is an error in the table and no exception."""
    monkeypatch.chdir(tmp_path)
    for name in ("f150w", "f200w"):
        write_pair(tmp_path, name)
    (tmp_path / "my.csv").write_text("id,ra,dec\none,110.83,-73.45\n")
    top = ("redshift", "ebv", "sources", "reference_filter", "mosaics", "photometry", "simulation", "truth")
    keys = ["fields", "fields.x", "psf", "sed.grids", *(f"fields.x.{key}" for key in top), F200W]
    keys += [f"{F200W}.{key}" for key in ("sci", "wht", "psf", "zero_point_factor", "gain_e_per_njy")]
    for key in keys:
        for value in (-5, [1], {7: 1}):
            config = copy.deepcopy(CONFIG)
            for mosaic in config["fields"]["x"]["mosaics"].values():
                del mosaic["psf"]
            set_keys(config, {key: value})
            (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
            findings = check_config("my.yaml", REPO)
            assert findings.count(ERROR) > 0, (key, value)
            assert any(key.split(".")[-1] in f.text for f in findings.all if f.status == ERROR), (key, value)


def test_boxes_of_plain_and_packed_files_are_the_same(tmp_path):
    """One look through memory maps, one by streaming; boxes reach over the edge, points sit in corners."""
    from clusterphot.mosaics.headers import inspect_mosaic

    write_pair(tmp_path, "a", shape=(70, 60))
    for kind in ("sci", "wht"):
        content = (tmp_path / f"a_{kind}.fits").read_bytes()
        (tmp_path / f"b_{kind}.fits.gz").write_bytes(gzip.compress(content))
    boxes, points = [(-5, 20, 50, 99), (30, 40, 0, 7)], [(0, 0), (69, 59)]
    sci = fits.getdata(tmp_path / "a_sci.fits")
    plain = samples.look(inspect_mosaic(tmp_path / "a_sci.fits", tmp_path / "a_wht.fits"), boxes, points)
    packed = samples.look(
        inspect_mosaic(tmp_path / "b_sci.fits.gz", tmp_path / "b_wht.fits.gz"), boxes, points
    )
    for seen in (plain, packed):
        np.testing.assert_array_equal(seen.boxes[0][0], sci[:20, 50:])
        np.testing.assert_array_equal(seen.boxes[1][0], sci[30:40, :7])
        np.testing.assert_array_equal(seen.points[0], [sci[0, 0], sci[69, 59]])
        assert seen.complete and seen.counts.good == seen.counts.total


def test_a_shift_is_measured_to_a_fraction_of_a_pixel():
    """Gaussian sources of random places, one image moved by (0.31, -0.18) arcsec east and north."""
    rng = np.random.default_rng(2)
    n = int(sky.TILE_ARCSEC / sky.GRID_ARCSEC)
    y, x = np.mgrid[:n, :n]
    places = rng.uniform(20, n - 20, size=(40, 2))

    def draw(dx, dy, seed):
        total = np.random.default_rng(seed).normal(size=(n, n))
        for cx, cy in places:
            total += 10 * np.exp(-((x - cx - dx) ** 2 + (y - cy - dy) ** 2) / 4.5)
        return sky.Tile(total, 1.0)

    east, north, sigma = sky.measure_shift(
        draw(0, 0, 1), draw(-0.31 / sky.GRID_ARCSEC, -0.18 / sky.GRID_ARCSEC, 2)
    )
    assert sigma > sky.MIN_PEAK_SIGMA
    # the parabola through three points of a peak of 2 px sigma is good to a tenth of a grid pixel
    assert (east, north) == pytest.approx((0.31, -0.18), abs=0.1 * sky.GRID_ARCSEC)
    noise = sky.Tile(rng.normal(size=(n, n)), 1.0)
    assert sky.measure_shift(draw(0, 0, 1), noise)[2] < sky.MIN_PEAK_SIGMA


def test_tiles_lie_where_there_is_data():
    """Only the right half is exposed."""
    weights = np.zeros((48, 8192))
    weights[:, 4096:] = 1.0
    boxes = psf_stars.choose_tiles((8192, 8192), weights, 3)
    assert len(boxes) == 3
    assert all(x0 >= 4096 for _, _, x0, _ in boxes)
