"""Who gets what from a published version."""
