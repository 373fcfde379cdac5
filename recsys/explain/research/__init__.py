"""Research on free-text explanations: comparison with reference texts, minimum Bayes risk decoding.

Nothing here serves a shop: what is delivered is built from counted evidence.
"""
