"""First Light's JupyterHub: login, labs and pages."""
