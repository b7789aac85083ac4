"""The portal: landing page, catalog pages, and the pages for unavailable components."""
