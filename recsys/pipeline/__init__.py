"""A night: load, embed, train, judge, publish; and where the heavy steps run."""
