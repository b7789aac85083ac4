"""Images: what the site's Butler repositories hold, read-only by construction."""
