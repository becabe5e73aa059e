"""Mosaics as others publish them: fetched, recognised by their headers, converted once to nJy per pixel."""
