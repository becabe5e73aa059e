"""What the Milky Way puts between us and a field: dust and stars."""
