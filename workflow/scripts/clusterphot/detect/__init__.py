"""Finding star clusters in the light of galaxies: matched filters, selection, masks and comparison methods."""
