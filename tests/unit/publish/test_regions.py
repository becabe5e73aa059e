"""Regions for DS9: circles, colours and texts, read as DS9 reads them."""

import re

import numpy as np
import pytest
import write_regions as driver
from astropy.table import Table
from clusterphot.base.flags import Flag
from clusterphot.base.products import Psf, write_psf
from clusterphot.base.tables import write_ecsv, write_table
from clusterphot.publish import regions

LINE = re.compile(
    r"""circle\(([\d.]+),(-?[\d.]+),([\d.]+)"\) # color=(\w+) text=(\{[^{}]*\}|"[^"]*"|'[^']*')((?: tag=\{[^{}]*\})*)"""
)
"""A circle as DS9's reference manual has it."""


def read(path):
    """Circles of a file: ra, dec, radius, colour, text, tags."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert lines[0] == "icrs"
    found = [LINE.fullmatch(line).groups() for line in lines[1:]]
    return [
        (float(ra), float(dec), float(radius), color, text[1:-1], re.findall(r"\{(.*?)\}", tags))
        for ra, dec, radius, color, text, tags in found
    ]


@pytest.mark.parametrize(("fwhm", "radius"), [(0.07, 0.14), (np.nan, 0.08)], ids=["known", "unknown"])
def test_sources_stars_and_rejected(job, tmp_path, fwhm, radius):
    """Each once, at its place; rejected are the flagged sources and what the PSF was not made of, with the reason."""
    bits = [0, Flag.FAILED | Flag.EDGE, Flag.BLENDED | Flag.MASKED, Flag.EDGE, Flag.OFFSET_UNKNOWN]
    ids = ["SC_1", "é/2", "a {b}", "# \"3'", "{\"'}"]
    place = {"ra": [110.83478, 0.0, 359.9, 12.5, 1e-7], "dec": [-73.45518, 0.5, 89.9, -0.25, -1e-7]}
    photometry = Table({"id": ids} | place | {"flags": [int(flag) for flag in bits]})
    stars = Table({"id": [0, 1, 2], "ra": [5.0, 6.0, 7.0], "dec": [1.0, 2.0, 3.0]})
    stars["role"], stars["reason"] = ["core", "none", "wing"], ["", "galaxy", ""]
    files = {name: str(tmp_path / f"{name}.ecsv") for name in ("photometry", "stars")}
    write_table(files["photometry"], photometry, meta={})
    write_ecsv(files["stars"], stars)
    stamp = np.zeros((5, 5))
    stamp[2, 2] = 1.0
    files["psf"] = str(tmp_path / "psf.fits")
    write_psf(files["psf"], Psf(stamp, 0.02, "F200W", fwhm_arcsec=fwhm))
    output = {name: str(tmp_path / f"{name}.reg") for name in ("sources", "stars", "rejected")}
    driver.main(job(input=files, output=output, wildcards={"field": "f"}))
    found = read(tmp_path / "sources.reg")
    np.testing.assert_allclose([one[:2] for one in found], np.transpose(list(place.values())), atol=1e-8)
    assert {one[2] for one in found} == {radius}
    assert [one[3] for one in found] == ["green", "red", "magenta", "yellow", "cyan"]
    assert [one[4] for one in found] == ["SC_1", "é/2", "a {b}", "# \"3'", "(\"')"]
    assert [one[5] for one in found][:3] == [[], ["EDGE", "FAILED"], ["MASKED", "BLENDED"]]
    found = read(tmp_path / "stars.reg")
    assert [one[3:] for one in found] == [("cyan", "0", ["core"]), ("blue", "2", ["wing"])]
    assert [one[2] for one in found] == pytest.approx([1.5 * radius] * 2)
    found = read(tmp_path / "rejected.reg")
    assert [one[4] for one in found[:2]] == ["é/2 EDGE FAILED", "a {b} MASKED BLENDED"] and len(found) == 5
    assert found[-1] == (6.0, 2.0, pytest.approx(1.5 * radius), "white", "1 galaxy", ["galaxy"])


def test_a_field_without_stars(tmp_path):
    """An empty list is a file with no circle."""
    stars = Table({"id": [0], "ra": [0.0], "dec": [0.0], "role": ["none"], "reason": ["edge"]})
    regions.write_regions(tmp_path / "stars.reg", regions.star_circles(stars), 0.1)
    assert read(tmp_path / "stars.reg") == []
