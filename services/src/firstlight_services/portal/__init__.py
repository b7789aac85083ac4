"""The portal: landing page, catalog browser, and the pages shown while a part is away."""
