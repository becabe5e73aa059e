"""Mosaics given by their URLs, from a server on this machine; config/smacs0723.yaml among them."""

import base64
import functools
import gzip
import hashlib
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import yaml
from astropy.io import fits
from image_field import compress, write_pair
from running import REPO

CONFIG = """\
fields:
  x:
    redshift: 0.39
    ebv: 0.1
    sources: my.csv
    reference_filter: F200W
    mosaics:
      F200W: {{sci: "{url}/f200w%20sci.fits.gz", wht: f200w_wht.fits}}
mosaics: {{download_retries: 0}}
"""
TARGET = "results/x/F200W/mosaic.fits"


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without saying so."""

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server(tmp_path, request):
    """URL of a folder served on loopback, and that folder; the parameter is another handler of requests."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(getattr(request, "param", Quiet), directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}", folder
        running.shutdown()
        thread.join()


def test_a_mosaic_by_url(snakemake, server, tmp_path):
    """Fetched, its checksum kept, and converted."""
    url, folder = server
    cwd = tmp_path / "work"
    cwd.mkdir()
    write_pair(cwd, "f200w")
    sci = fits.getdata(cwd / "f200w_sci.fits")
    (cwd / "f200w_sci.fits").rename(folder / "f200w sci.fits")
    compress(folder / "f200w sci.fits")
    (cwd / "my.yaml").write_text(CONFIG.format(url=url))
    (cwd / "my.csv").write_text("id,ra,dec\none,110.83,-73.45\n")
    run = snakemake("--configfile", "my.yaml", "--", TARGET, cwd=cwd)
    assert run.status == 0, run.stdout + run.stderr
    assert run.jobs == {"fetch_mosaic": 1, "prepare_mosaic": 1}
    # the archive's unit is 10 nJy
    np.testing.assert_allclose(fits.getdata(cwd / TARGET, "SCI"), 10.0 * sci, rtol=1e-6)
    fetched = cwd / "resources" / "fetched" / "x" / "F200W_sci"
    checksum = hashlib.sha256((folder / "f200w sci.fits.gz").read_bytes()).hexdigest()
    assert fetched.with_name("F200W_sci.sha256").read_text() == f"{checksum}  F200W_sci\n"
    assert sorted(path.name for path in fetched.parent.iterdir()) == ["F200W_sci", "F200W_sci.sha256"]


class Guarded(Quiet):
    """Asks for a login and a token."""

    def do_GET(self):
        """The file, or what a server says to those who have no login."""
        login = "Basic " + base64.b64encode(b"reader:pa55word").decode()
        if self.headers.get("Authorization") == login and self.path.endswith("token=t0ken"):
            super().do_GET()
        else:
            self.send_error(401, f"no login for {self.path}")


SECRETS = (b"pa55word", b"t0ken", base64.b64encode(b"reader:pa55word"))


def holding_secrets(folder, *said):
    """Files below a folder that hold a password, a token or a login, packed or in their names, and texts that do."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = {str(path): path.read_bytes() for path in files}
    packed = {name: gzip.decompress(text) for name, text in texts.items() if text.startswith(b"\x1f\x8b")}
    texts |= {f"{name}, unpacked": text for name, text in packed.items()}
    texts |= {text: text.encode() for text in (*texts, *said)}
    return [name for name, text in texts.items() if any(word in text for word in SECRETS)]


@pytest.mark.parametrize("server", [Guarded], indirect=True)
@pytest.mark.parametrize("token", ["t0ken", "wrong-t0ken"])
def test_secrets_of_an_address_stay_in_the_configuration(snakemake, server, tmp_path, token):
    """Neither in a file below the run nor on the screen, whether the file comes or not, while jobs run and after."""
    url, folder = server
    cwd = tmp_path / "work"
    cwd.mkdir()
    write_pair(cwd, "f200w")
    (cwd / "f200w_sci.fits").rename(folder / "f200w sci.fits")
    compress(folder / "f200w sci.fits")
    text = CONFIG.format(url=url.replace("http://", "http://reader:pa55word@"))
    (tmp_path / "my.yaml").write_text(text.replace("sci.fits.gz", f"sci.fits.gz?token={token}"))
    (cwd / "my.csv").write_text("id,ra,dec\none,110.83,-73.45\n")
    argv = ("--configfile", tmp_path / "my.yaml", "--skip-script-cleanup", "--verbose", "--", TARGET)
    run = snakemake(*argv, cwd=cwd)
    # --verbose has Snakemake print its own settings, the configuration not among them
    assert run.status == (0 if token == "t0ken" else 1), run.stdout + run.stderr
    assert list((cwd / ".snakemake" / "scripts").glob("*fetch_mosaic*"))
    assert holding_secrets(cwd, run.stdout, run.stderr) == []
    assert (token == "t0ken") == (cwd / TARGET).exists()
    if token != "t0ken":
        assert "the address needs a login" in run.stdout + run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("server", [Guarded], indirect=True)
def test_secrets_of_addresses_are_nowhere_in_a_whole_run(snakemake, server, drawn_field, tmp_path):
    """From mosaics by guarded addresses to tables, figures, the report, and what Snakemake makes of them itself."""
    url, folder = server
    cwd = drawn_field.copy(tmp_path / "work")
    config = (cwd / "my.yaml").read_text()
    (cwd / "my.yaml").unlink()
    for name in ("f150w_sci.fits.gz", "f150w_wht.fits", "f200w_sci.fits", "f200w_wht.fits"):
        (cwd / name).rename(folder / name)
        address = f"{url}/{name}?version=2&X-Amz-Expires=600&token=t0ken"
        config = config.replace(name, f'"{address.replace("http://", "http://reader:pa55word@")}"')
    (tmp_path / "my.yaml").write_text(config)
    argv = ("--configfile", tmp_path / "my.yaml", "--skip-script-cleanup", "--verbose")
    run = snakemake(*argv, cwd=cwd, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    assert run.every_job["fetch_mosaic"] == 4
    for page in ("index.html", "mine/clusters.html", "mine/origins.html"):
        assert (cwd / "results" / "report" / page).is_file()
    own = snakemake("--configfile", tmp_path / "my.yaml", "--report", "own.zip", cwd=cwd)
    assert own.status == 0, own.stdout + own.stderr
    shutil.unpack_archive(cwd / "own.zip", cwd / "own")
    said = [text for done in (run, own) for text in (done.stdout, done.stderr)]
    assert holding_secrets(cwd, *said) == []
    shown = (cwd / "results" / "report" / "index.html").read_text()  # the configuration is
    assert f"{url}/f200w_sci.fits?query-" in shown and "f150w_wht.fits?query-" in shown


def test_a_renewed_token_is_no_other_file(snakemake, tmp_path):
    """The plan is the same, another query that names the file is another one."""
    (tmp_path / "my.csv").write_text("id,ra,dec\none,110.83,-73.45\n")
    write_pair(tmp_path, "f200w")
    seen = []
    for query in ("token=1", "token=2", "uri=a.fits"):
        text = CONFIG.format(url="https://localhost").replace("sci.fits.gz", f"sci.fits.gz?{query}")
        (tmp_path / "my.yaml").write_text(text)
        plan = snakemake.plan("--configfile", "my.yaml", "--", TARGET, cwd=tmp_path)
        seen.append(next(message for message in plan.messages if "fetch" in message))
    assert seen[0] == seen[1] != seen[2]


SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
ARCHIVE = "https://s3.amazonaws.com/grizli-v2/JwstMosaics/v7/"
CENTER = (110.83, -73.454)
SIZE_ARCSEC = 24.0


def smacs_config(cwd, url):
    """config/smacs0723.yaml in a folder of its own, with its source list, mosaics from this server."""
    text = (REPO / "config" / "smacs0723.yaml").read_text()
    (cwd / "config" / "smacs0723").mkdir(parents=True)
    (cwd / "config" / "smacs0723.yaml").write_text(text.replace(ARCHIVE, f"{url}/"))
    sources = REPO / "config" / "smacs0723" / "sources.csv"
    (cwd / "config" / "smacs0723" / "sources.csv").write_bytes(sources.read_bytes())
    return yaml.safe_load(text)["fields"]["smacs0723"]


def test_list_of_smacs_is_that_of_table_1():
    """The committed list is what the committed command makes."""
    scope = {"__file__": str(REPO / "config" / "smacs0723" / "make_sources.py"), "__name__": "make_sources"}
    exec((REPO / "config" / "smacs0723" / "make_sources.py").read_text(), scope)
    assert (REPO / "config" / "smacs0723" / "sources.csv").read_text() == scope["source_list"]()


def test_smacs_plans_where_the_tutorial_runs_it(snakemake, tmp_path):
    """In the repository, and in a folder with a copy of configuration and list; addresses are the archive's."""
    entry = smacs_config(tmp_path, "https://localhost")
    for filt, mosaic in entry["mosaics"].items():
        for kind in ("sci", "wht"):
            name = f"smacs0723-grizli-v7.0-{filt.lower()}-clear_drc_{kind}.fits.gz"
            assert mosaic[kind] == ARCHIVE + name
    assert tuple(entry["mosaics"]) == SIX
    for cwd in (REPO, tmp_path):
        jobs = snakemake.plan("--configfile", "config/smacs0723.yaml", "--directory", tmp_path, cwd=cwd).jobs
        assert {"fetch_mosaic": 12, "prepare_mosaic": 6, "build_psf": 6}.items() <= jobs.items()


@pytest.mark.slow
def test_smacs_mosaics_are_taken_in(snakemake, server, tmp_path):
    """All twelve files in the archive's layout are fetched and become nJy; one file is in `test_a_mosaic_by_url`."""
    url, folder = server
    cwd = tmp_path / "work"
    smacs_config(cwd, url)
    served = {}
    for filt in SIX:
        name = f"smacs0723-grizli-v7.0-{filt.lower()}-clear_drc"
        write_pair(folder, name)
        with fits.open(folder / f"{name}_sci.fits", mode="update") as hdus:
            hdus[0].header["PHOTFNU"] = 1e-8
        served[filt] = fits.getdata(folder / f"{name}_sci.fits")
        for kind in ("sci", "wht"):
            compress(folder / f"{name}_{kind}.fits")
    targets = [f"results/smacs0723/{filt}/mosaic.fits" for filt in SIX]
    run = snakemake("--configfile", "config/smacs0723.yaml", "--", *targets, cwd=cwd, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    assert run.jobs == {"fetch_mosaic": 12, "prepare_mosaic": 6}
    for filt in SIX:
        mosaic = fits.getdata(cwd / f"results/smacs0723/{filt}/mosaic.fits", "SCI")
        np.testing.assert_allclose(mosaic, 10.0 * served[filt], rtol=1e-6)


@pytest.mark.slow
def test_smacs_runs_to_masses(snakemake, server, tmp_path):
    """The same configuration, as it is but for the addresses, from simulated mosaics to masses of all 178 sources.

    The field is smaller than SMACS J0723 (24 arcsec), so most of the list lies outside of it: those rows are NaN.
    """
    from astropy.table import Table

    url, folder = server
    cwd = tmp_path / "work"
    smacs_config(cwd, url)
    inside = serve_field(folder)
    made = ("photometry", "stack_photometry", "sed/bc03/clusters")
    targets = [f"results/smacs0723/{name}.ecsv" for name in made]
    run = snakemake("--configfile", "config/smacs0723.yaml", "--", *targets, cwd=cwd, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    assert run.every_job["fetch_mosaic"] == 12
    photometry = Table.read(cwd / "results/smacs0723/photometry.ecsv")
    listed = Table.read(cwd / "config/smacs0723/sources.csv", converters={"id": str})
    assert list(photometry["id"]) == list(listed["id"])
    rows = np.isin(photometry["id"], inside["id"])
    assert rows.sum() > 10
    measured = np.isfinite(photometry["flux_F200W"])
    # the ten between the circle of those drawn and the corners of the image are measured, and no light is there
    east = (photometry["ra"] - CENTER[0]) * np.cos(np.deg2rad(CENTER[1])) * 3600
    north = (photometry["dec"] - CENTER[1]) * 3600
    outside = np.maximum(np.abs(east), np.abs(north)) > SIZE_ARCSEC / 2
    assert outside.sum() > 100 and not measured[outside].any()
    clean = rows & (photometry["flags"] == 0)
    assert clean.sum() > 0.7 * rows.sum()
    true = {row["id"]: row["flux_F200W"] for row in inside}
    expected = np.array([true[name] for name in photometry["id"][clean]])
    pull = (photometry["flux_F200W"][clean] - expected) / np.hypot(
        photometry["flux_err_F200W"][clean], photometry["flux_err_sys_F200W"][clean]
    )
    # the median of some 30 pulls of width 1 scatters by 0.23, and the PSF's scale is common to all
    assert abs(np.median(pull)) < 1.5
    clusters = Table.read(cwd / "results/smacs0723/sed/bc03/clusters.ecsv")
    assert np.isfinite(clusters["log_mass"][clean]).mean() > 0.8
    assert np.isnan(clusters["log_mass"][outside]).all()


def serve_field(folder):
    """Simulate six filters around a part of the list, in the layout of the archive; returns the clusters inside."""
    from types import SimpleNamespace

    import simulate_field
    from astropy.table import Table
    from clusterphot.base.user_tables import read_photometry
    from clusterphot.optics.pupil import pupil, write_pupil
    from clusterphot.simulate import truth as scene

    table = str(REPO / "resources" / "faisst2022" / "table1.csv")
    names, filters, flux, _, carried = read_photometry(table, "test")
    ra, dec = (np.array(carried[axis], dtype=float) for axis in ("ra", "dec"))
    near = np.hypot((ra - CENTER[0]) * np.cos(np.deg2rad(CENTER[1])), dec - CENTER[1]) * 3600 < 10.0
    clusters = Table({"id": np.array(names)[near], "ra": ra[near], "dec": dec[near]})
    for band, filt in enumerate(filters):
        clusters[f"flux_{filt}"] = flux[near, band]
    config = scene.FieldConfig(
        field="smacs0723",
        filters=SIX,
        ra=CENTER[0],
        dec=CENTER[1],
        size_arcsec=SIZE_ARCSEC,
        seed=3,
        noise="white",
        halo=0.3,
        n_members=4,
        n_stars=25,
        n_bright_stars=8,
    )
    truth = scene.draw_scene(config, clusters)
    truth.write(folder / "truth.ecsv", format="ascii.ecsv")
    write_pupil(folder / "pupil.fits", pupil(config.optics()))
    for filt in SIX:
        name = f"smacs0723-grizli-v7.0-{filt.lower()}-clear_drc"
        paths = {kind: str(folder / f"{name}_{kind}.fits") for kind in ("sci", "wht", "psf")}
        simulate_field.main(
            SimpleNamespace(
                wildcards=SimpleNamespace(filter=filt),
                input=SimpleNamespace(truth=str(folder / "truth.ecsv"), pupil=str(folder / "pupil.fits")),
                output=SimpleNamespace(**paths),
            )
        )
        for kind in ("sci", "wht"):
            compress(folder / f"{name}_{kind}.fits")
    return truth[truth["kind"] == "cluster"]
