"""Commands: one thin file each, arguments in, one call into `recsys`, a printed summary out."""
