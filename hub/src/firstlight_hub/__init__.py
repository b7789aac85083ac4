"""First Light."""
