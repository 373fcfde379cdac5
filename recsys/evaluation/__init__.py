"""Offline figures and the report."""
