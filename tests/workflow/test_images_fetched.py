"""A mosaic given by its URL, from a server on this machine."""

import functools
import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from astropy.io import fits
from image_field import compress, write_pair

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
def server(tmp_path):
    """URL of a folder served on loopback, and that folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
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
