"""Research on reasons: soft prompts, reference explanations, consensus decoding. Nothing of it serves a shop."""
