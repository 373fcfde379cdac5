"""Writing, tuning and pre-training a causal language model."""
