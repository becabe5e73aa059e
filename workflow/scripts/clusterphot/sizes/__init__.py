"""Half-light radii of clusters and stacks behind a PSF of uncertain width: likelihoods, limits, trials."""
