"""What `clusterphot.ssp.readers.fsps_reader` runs in a process of its own: python-fsps, and nothing of this package.

FSPS (Conroy, Gunn & White 2009, ApJ 699, 486) ends Python with status 0 when a data file is missing.
Usage: python fsps_child.py request.json result.npz; spectra in Lsun/Hz per Msun formed, ages as log10 yr.
"""

import json
import os
import sys

MIN_LOG_AGE = 6.0
"""Younger isochrones (MIST) have no low-mass stars, and FSPS gives all their mass to the lightest one there is."""

TASKS = ("build", "data", "spectra")
"""Report the compiled libraries; read all data too and report the axes; compute the spectra as well."""


def main(request_path, result_path):
    """Do what the request asks; the result holds ``report`` (JSON) and, for spectra, the arrays."""
    with open(request_path, encoding="utf-8") as file:
        request = json.load(file)
    report, arrays = {}, {}
    try:
        import fsps
        import numpy as np
        from fsps._fsps import driver
    except (ImportError, RuntimeError, OSError) as exc:
        report["import_error"] = f"{type(exc).__name__}: {exc}"
        import_failed(report, result_path)
        return
    report["version"] = fsps.__version__
    report["libraries"] = [name.decode().strip() for name in driver.get_libraries()]
    report["z_sun"] = round(float(driver.get_zsol()), 6)
    wanted = request.get("libraries", report["libraries"][:2])
    if request["task"] != "build" and report["libraries"][:2] == wanted:
        population = fsps.StellarPopulation(zcontinuous=1, sfh=0, zred=0.0, **request["options"])
        report |= axes(population, report["z_sun"])
        inside = all(
            report["metallicity_zsun"][0] <= z <= report["metallicity_zsun"][-1]
            for z in request.get("metallicity_zsun", [])
        )
        if request["task"] == "spectra" and inside:  # FSPS extrapolates without a word
            arrays = spectra(np, population, request["metallicity_zsun"])
    write(result_path, report, arrays, np.savez)


def young(population):
    """Number of the ages that are left out; the ages increase."""
    return int((population.log_age < MIN_LOG_AGE - 1e-6).sum())


def axes(population, z_sun):
    """Native ages, metallicities and wavelengths."""
    return {
        "log_age_yr": [round(float(age), 6) for age in population.log_age[young(population) :]],
        "metallicity_zsun": [float(f"{z / z_sun:.6g}") for z in population.zlegend],
        "wave_rest": [float(population.wavelengths[0]), float(population.wavelengths[-1])],
    }


def spectra(np, population, metallicities):
    """Spectra (nz, na, nw) and surviving masses (nz, na) at the native ages."""
    flux, mass, first = [], [], young(population)
    for metallicity in metallicities:
        population.params["logzsol"] = float(np.log10(metallicity))
        flux.append(population.get_spectrum(tage=0.0, peraa=False)[1][first:])
        mass.append(np.array(population.stellar_mass)[first:])
    return {"wave": population.wavelengths, "spectra": np.array(flux), "mass": np.array(mass)}


def write(path, report, arrays, savez):
    """Write the result whole or not at all."""
    temporary = f"{path}.part"
    with open(temporary, "wb") as file:
        savez(file, report=json.dumps(report), **arrays)
    os.replace(temporary, path)


def import_failed(report, path):
    """Write the report without numpy, which may be what is missing."""
    temporary = f"{path}.part"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(report, file)
    os.replace(temporary, path)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules are not those that FSPS imports
    main(*sys.argv[1:3])
