"""Named features and one logistic regression over them."""
