"""Ages, metallicities and masses from fluxes: chi-square fits, posteriors, and what follows from them."""
