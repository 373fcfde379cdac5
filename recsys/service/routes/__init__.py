"""The endpoints, by what they are about; each is one call of the Python interface."""
