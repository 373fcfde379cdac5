"""The commands of `recsys` as modules, `python -m jobs.X`: other people's scripts call them so."""
