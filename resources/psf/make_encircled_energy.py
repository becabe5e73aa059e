"""Make encircled_energy.csv, beside this file, from the optics; from the top of the repository (seven minutes):

PYTHONPATH=workflow/scripts python resources/psf/make_encircled_energy.py
"""

from pathlib import Path

from clusterphot.base.detectors import MIRI_FROM_ANGSTROM
from clusterphot.base.filters import known_filters
from clusterphot.optics.bands import pivot_angstrom
from clusterphot.optics.ensemble import RADII_ARCSEC, draw_states, optics_energy, telescopes

HEADER = """# Encircled energy of NIRCam's optics: fraction of the light within a radius (columns, arcsec), before
# pixels and drizzle, for draws of wavefront, pointing and detectors. Made by make_encircled_energy.py beside this file.
"""


def main():
    """Write the table of all filters of NIRCam."""
    names = [name.removeprefix("jwst_").upper() for name in known_filters() if name.startswith("jwst_f")]
    filters = sorted(
        (name for name in names if pivot_angstrom(name) < MIRI_FROM_ANGSTROM), key=pivot_angstrom
    )
    states = draw_states()
    optics = telescopes(states)
    lines = [",".join(["filter", "wavelength_um", "draw", *(f"{radius:g}" for radius in RADII_ARCSEC)])]
    for name in filters:
        wave = pivot_angstrom(name) * 1e-4
        for k, (state, telescope) in enumerate(zip(states, optics, strict=True)):
            energy = optics_energy(name, state, telescope)
            lines.append(f"{name},{wave:.3f},{k}," + ",".join(f"{value:.4f}" for value in energy))
        print(name, flush=True)
    path = Path(__file__).with_name("encircled_energy.csv")
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
