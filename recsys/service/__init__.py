"""The recommender over HTTP: the same calls, the same messages, nothing more."""
