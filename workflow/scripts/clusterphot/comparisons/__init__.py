"""What else is in the sky or in the literature: star counts, galaxies, black bodies, the brightest galaxy."""
