"""Research on reasons: reference explanations, consensus decoding. Nothing of it serves a shop."""
