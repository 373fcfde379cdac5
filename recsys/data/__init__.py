"""Checked tables, arrays and versions on disk."""
