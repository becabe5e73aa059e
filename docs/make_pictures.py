"""Draw the pictures of README and docs/index.md from the results of the shipped fields (`make docs`, after `make run`).

docs/figures/overview.jpg: clusters of the demonstration field without the halo, coloured by age; docs/figures/gallery/:
figures of both fields, small.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "workflow" / "scripts"))

from clusterphot.base.tables import read_table  # noqa: E402
from clusterphot.figures.overview import read_small  # noqa: E402
from clusterphot.figures.recommended import recommended  # noqa: E402
from clusterphot.figures.style import AGE_MAP, PAGE_WIDTH_IN, in_style, new_figure  # noqa: E402
from clusterphot.report.sky import MAX_SIDE_PX, choose_filters, draw_sky, flatten  # noqa: E402

FIELD, PUBLISHED, REFERENCE = "demo", "smacs0723_published", "F200W"
WINDOW_ARCSEC = (21.0, 8.4)
CIRCLE_ARCSEC, RULER_ARCSEC = 0.26, 1.0
BRIGHTER = 1.5
"""Than the image of the report, for a small picture."""

AGES_GYR = (0.5, 5.0)
GALLERY = {
    "colors": (FIELD, "colors_bc03"),
    "mass_size": (FIELD, "mass_size_bc03"),
    "stacks": (FIELD, "stacks"),
    "profiles": (FIELD, "profiles"),
    "psf": (FIELD, "psf_F200W"),
    "pulls": (FIELD, "recovery_pulls"),
    "formation": (PUBLISHED, "formation_bc03"),
    "chi2_map": (PUBLISHED, "chi2_map_bc03"),
    "stack_sed": (PUBLISHED, "stack_sed_bc03"),
}
"""Name, and field and figure that it is of."""

THUMBNAIL_PX = 520
JPEG_QUALITY = 85


@in_style
def overview(results):
    """Figure of the middle of the demonstration field: what is left without the halo, with the clusters' ages."""
    folder = results / FIELD
    table = read_table(folder / "photometry.ecsv")
    age = recommended(read_table(folder / "sed" / "bc03" / "clusters.ecsv"), "age_gyr").middle
    filters = ["F090W", "F150W", "F200W", "F277W", "F356W", "F444W"]
    chosen = choose_filters(filters, REFERENCE)
    around = (table["ra"], table["dec"])
    mosaics = {
        name: flatten(read_small(folder / name / "mosaic.fits", max_side_px=MAX_SIDE_PX, around=around))
        for name in {*chosen, REFERENCE}
    }
    target = mosaics[REFERENCE]
    scale = target.factor * target.pixel_scale_arcsec
    x, y = target.place(*around)
    good = np.isfinite(age) & (np.asarray(table["flags"]) == 0)
    wide, tall = (size / scale for size in WINDOW_ARCSEC)
    left, low = best_window(x[good], y[good], wide, tall)
    figure = new_figure(PAGE_WIDTH_IN, 2.72)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01)
    ax = figure.subplots()
    image = np.clip(BRIGHTER * draw_sky(mosaics, chosen, REFERENCE).astype(float), 0, 255).astype(np.uint8)
    ax.imshow(image, origin="lower", interpolation="bilinear")
    ax.set(xticks=[], yticks=[], xlim=(left, left + wide), ylim=(low, low + tall))
    size = (2 * CIRCLE_ARCSEC / WINDOW_ARCSEC[0] * 0.9 * PAGE_WIDTH_IN * 72) ** 2
    colors = AGE_MAP(np.clip(np.log(age[good] / AGES_GYR[0]) / np.log(AGES_GYR[1] / AGES_GYR[0]), 0, 1))
    ax.scatter(x[good], y[good], s=size, facecolor="none", edgecolor=0.35 + 0.65 * colors, lw=0.7)
    start = left + 0.03 * wide, low + 0.06 * tall
    ax.plot([start[0], start[0] + RULER_ARCSEC / scale], [start[1]] * 2, color="white", lw=1.6)
    ax.text(
        start[0],
        start[1] + 0.02 * tall,
        f'{RULER_ARCSEC:g}" = 5.3 kpc',
        color="white",
        fontsize=7,
        va="bottom",
    )
    return figure


def best_window(x, y, wide, tall):
    """Corner of the window of this size that holds most points, on a grid of an eighth of it."""
    lefts, lows = (
        np.arange(v.min(), max(v.max() - size, v.min()) + 1, size / 8) for v, size in ((x, wide), (y, tall))
    )
    counts = [
        [np.sum((x > left) & (x < left + wide) & (y > low) & (y < low + tall)) for low in lows]
        for left in lefts
    ]
    i, j = np.unravel_index(np.argmax(counts), (len(lefts), len(lows)))
    return float(lefts[i]), float(lows[j])


def main(results=REPO / "results", out=REPO / "docs" / "figures"):
    """Write all pictures."""
    results, out = Path(results), Path(out)
    (out / "gallery").mkdir(parents=True, exist_ok=True)
    figure = overview(results)
    figure.savefig(out / "overview.png", dpi=170)
    with Image.open(out / "overview.png") as image:
        image.convert("RGB").save(out / "overview.jpg", quality=JPEG_QUALITY)
    (out / "overview.png").unlink()
    for name, (field, source) in GALLERY.items():
        with Image.open(results / field / "figures" / f"{source}.png") as image:
            image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
            few_colors = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
            few_colors.save(out / "gallery" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
