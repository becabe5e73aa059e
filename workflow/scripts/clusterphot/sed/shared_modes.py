"""Errors that all sources of a field share, as every inference marginalises them: modes common to the filters.

A mode of 1 sigma multiplies the flux of filter F of all sources by 1 + effect_F. Modes are independent of each other:
the covariance of fluxes f between filters is the sum over modes of (effect f)(effect f)^T. Fractions of the flux.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from clusterphot.base.tables import read_table

ZERO_POINT, DUST = "zero point", "extinction"
"""Kinds of modes that are not of the PSF; those of the PSF begin with the word psf."""

OVER_FIELD = " over the field"
"""Added to the name of a mode for what it does at some place beyond its effect in the middle."""


@dataclass(frozen=True)
class SharedModes:
    """Modes of the errors that all sources of a field share.

    Attributes
    ----------
    filters : tuple of str
    names, kinds : tuple of str
        Of each mode; kinds as in ``systematics.ecsv``, and extinction for the error of E(B-V).
    effects : (n_modes, n_filters) float ndarray
        Fractional change of the flux by 1 sigma in the middle of the field.
    gradients : (n_modes, n_filters) float ndarray
        Rms over the field of that change about its mean.
    """

    filters: tuple
    names: tuple
    kinds: tuple
    effects: np.ndarray
    gradients: np.ndarray

    def take(self, keep):
        """Some of the modes, by their (n_modes,) bool or their indices."""
        rows = np.flatnonzero(keep) if np.asarray(keep).dtype == bool else np.asarray(keep, int)
        return dataclasses.replace(
            self,
            names=tuple(self.names[row] for row in rows),
            kinds=tuple(self.kinds[row] for row in rows),
            effects=self.effects[rows],
            gradients=self.gradients[rows],
        )

    def of(self, *kinds):
        """The modes of these kinds; ``psf`` stands for all kinds of the PSF."""
        return self.take(np.array([kind in kinds or kind.split()[0] in kinds for kind in self.kinds], bool))

    def without(self, *kinds):
        """All modes but those of these kinds."""
        return self.take(
            np.array([not (kind in kinds or kind.split()[0] in kinds) for kind in self.kinds], bool)
        )

    def through(self, filters):
        """The same modes in some of the filters, in this order."""
        columns = [self.filters.index(filt) for filt in filters]
        return dataclasses.replace(
            self,
            filters=tuple(filters),
            effects=self.effects[:, columns],
            gradients=self.gradients[:, columns],
        )

    def and_also(self, other):
        """These modes and others of the same filters."""
        if other.filters != self.filters:
            raise ValueError(f"modes of the filters {self.filters} and {other.filters}")
        return dataclasses.replace(
            self,
            names=self.names + other.names,
            kinds=self.kinds + other.kinds,
            effects=np.concatenate([self.effects, other.effects]),
            gradients=np.concatenate([self.gradients, other.gradients]),
        )

    def at_one_place(self):
        """Modes of a single source, somewhere in the field: the gradients are modes of their own.

        A stack averages over the field, of which the effects are enough. The filters of a channel change over the
        field alike, so that one gradient moves them together.
        """
        further = self.take(np.any(self.gradients != 0, axis=1))
        further = dataclasses.replace(
            further,
            names=tuple(name + OVER_FIELD for name in further.names),
            effects=further.gradients,
            gradients=np.zeros_like(further.gradients),
        )
        return dataclasses.replace(self, gradients=np.zeros_like(self.gradients)).and_also(further)

    @property
    def covariance(self):
        """Covariance between filters of the fractional errors, (n_filters, n_filters)."""
        return self.effects.T @ self.effects

    @property
    def error(self):
        """Fractional 1-sigma error of each filter by all modes together, (n_filters,)."""
        return np.sqrt(np.square(self.effects).sum(axis=0))


def make_modes(filters, kind, effects):
    """Modes of one kind.

    Parameters
    ----------
    filters : sequence of str
    kind : str
    effects : dict of str to dict of str to float
        By name of the mode: its effect by filter, 0 where none is given. Modes without any effect are left out.

    Returns
    -------
    modes : SharedModes
    """
    kept = {name: by for name, by in effects.items() if any(by.values())}
    array = np.array([[by.get(filt, 0.0) for filt in filters] for by in kept.values()], float)
    array = array.reshape(len(kept), len(filters))
    return SharedModes(tuple(filters), tuple(kept), (kind,) * len(kept), array, np.zeros_like(array))


def zero_point_modes(filters, errors):
    """A mode for the zero point of each filter; ``errors`` is a fraction by filter, or that of all."""
    by_filter = errors if isinstance(errors, dict) else dict.fromkeys(filters, float(errors))
    effects = {f"zero_point_{filt}": {filt: by_filter.get(filt, 0.0)} for filt in filters}
    return make_modes(filters, ZERO_POINT, effects)


def dust_mode(filters, extinction_mag, relative_error):
    """The mode of E(B-V): too much dust by its 1-sigma error makes corrected fluxes too bright in all filters at once.

    Parameters
    ----------
    filters : sequence of str
    extinction_mag : (n_filters,) float array_like
        A of each filter, mag.
    relative_error : float
        Of E(B-V).

    Returns
    -------
    modes : SharedModes
        None or one. The first order of 10^(0.4 dA); the second is 2 % of the correction for an error of 0.05 mag in A.
    """
    effect = 0.4 * np.log(10) * relative_error * np.asarray(extinction_mag, float)
    return make_modes(filters, DUST, {"ebv": dict(zip(filters, effect.tolist(), strict=True))})


def modes_of_table(table, filters):
    """`SharedModes` of the rows of ``systematics.ecsv``."""
    columns = {
        word: np.array([np.asarray(table[f"{word}_{filt}"], float) for filt in filters])
        .reshape(len(filters), -1)
        .T
        for word in ("effect", "gradient")
    }
    return SharedModes(
        tuple(filters),
        tuple(str(name) for name in table["name"]),
        tuple(str(kind) for kind in table["kind"]),
        columns["effect"],
        columns["gradient"],
    )


def field_modes(filters, extinction, options, systematics=None):
    """All that the sources of a field share: PSF, zero points and E(B-V), each of them once.

    Parameters
    ----------
    filters : sequence of str
    extinction : `astropy.table.Table`
        ``extinction.ecsv``: filter and extinction_mag.
    options : mapping
        Section sed.posterior of the configuration: ``zero_point_error``, of each filter for which no mosaic names one,
        and ``ebv_relative_error``.
    systematics : `astropy.table.Table`, optional
        ``systematics.ecsv``; none for a field that is given by its photometry.

    Returns
    -------
    modes : SharedModes
    """
    modes = zero_point_modes(filters, {})
    if systematics is not None:
        modes = modes_of_table(systematics, filters)
    named = [name for name, kind in zip(modes.names, modes.kinds, strict=True) if kind == ZERO_POINT]
    default = {filt: options["zero_point_error"] for filt in filters if f"zero_point_{filt}" not in named}
    a_mag = dict(zip(extinction["filter"], extinction["extinction_mag"], strict=True))
    return modes.and_also(zero_point_modes(filters, default)).and_also(
        dust_mode(filters, [float(a_mag[filt]) for filt in filters], options["ebv_relative_error"])
    )


def read_field_modes(files, filters, options):
    """`field_modes` from the input of a job: its ``extinction`` and, where the field has it, ``systematics``."""
    path = files.get("systematics", [])
    return field_modes(filters, read_table(files.extinction), options, read_table(path) if path else None)
