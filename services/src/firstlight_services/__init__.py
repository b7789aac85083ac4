"""First Light: its data services, and what they share."""
