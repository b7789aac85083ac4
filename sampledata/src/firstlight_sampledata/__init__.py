"""The sample data: a small simulated sky, from the truth to pixels to measured catalogs."""
