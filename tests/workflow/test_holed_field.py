"""A field with the holes of real mosaics, from `make new` to the report: nothing stops it, numbers are right."""

import re

import check_config
import new_field
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from clusterphot.base.flags import Flag
from holed_field import punch
from image_field import FILTERS, PIXEL_ARCSEC, draw_field
from running import REPO, command

pytestmark = pytest.mark.slow
"""Ten minutes on one core: `python -m pytest -m slow tests/workflow/test_holed_field.py`."""

QUICK = "figures: {dpi: 50}\nsizes: {n_trials: 10, n_coverage_trials: 10}\n"


@pytest.fixture(scope="module")
def holed(tmp_path_factory):
    """Folder of two mosaics with holes, their source list, and the truth of it."""
    folder = tmp_path_factory.mktemp("holed")
    field = draw_field(folder)
    for seed, filt in enumerate(FILTERS):
        planes, headers = {}, {}
        for kind in ("sci", "wht"):
            path = next(folder.glob(f"{filt.lower()}_{kind}.fits*"))
            planes[kind], headers[kind] = fits.getdata(path).astype(float), fits.getheader(path)
            path.unlink()
        sci, weight = punch(planes["sci"], planes["wht"], PIXEL_ARCSEC, np.random.default_rng(seed))
        for kind, data in (("sci", sci), ("wht", weight)):
            fits.PrimaryHDU(data.astype("f4"), headers[kind]).writeto(folder / f"{filt.lower()}_{kind}.fits")
    for path in (folder / "my.yaml", *folder.glob("*psf*")):
        path.unlink()
    return folder, field


def test_from_new_to_the_report(holed, capsys):
    folder, field = holed
    config = folder / "mine.yaml"
    assert new_field.main(["--field", "mine", "--folder", str(folder)]) == 0
    text = config.read_text().replace("redshift: TODO", "redshift: 0.39").replace("ebv: TODO", "ebv: 0.18")
    config.write_text(text + QUICK)
    assert check_config.main(["--config", str(config)]) == 0
    assert re.search(r"F200W +pixels +7\d% usable", capsys.readouterr().out)
    argv = ("--snakefile", REPO / "Snakefile", "--configfile", config, "--directory", folder, "--cores", 1)
    done = command(*argv, "all", "candidates", cwd=folder, timeout=3000)
    assert done.status == 0, done.stdout + done.stderr
    assert (folder / "results" / "report" / "index.html").is_file()

    photometry = Table.read(folder / "results" / "mine" / "photometry.ecsv", format="ascii.ecsv")
    truth = {str(row["id"]): row for row in field.truth}
    for filt in FILTERS:
        flags = np.asarray(photometry[f"flags_{filt}"])
        known = np.array([str(name) in truth for name in photometry["id"]])
        flux, err = (np.asarray(photometry[f"{kind}_{filt}"]) for kind in ("flux", "flux_err"))
        assert np.isfinite(flux[(flags & int(Flag.NO_DATA | Flag.FAILED)) == 0]).all()
        good = known & (flags == 0)
        true = np.array([truth[str(name)][f"flux_{filt}"] for name in photometry["id"][good]])
        pull = (flux[good] - true) / err[good]
        assert good.sum() >= 15
        assert abs(np.median(pull)) < 0.6  # the PSF of a handful of stars is off by some per cent
        assert np.percentile(np.abs(pull), 68) < 1.5
