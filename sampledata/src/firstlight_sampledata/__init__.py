"""Sample data: a small simulated sky, from truth to pixels to measured catalogs."""
