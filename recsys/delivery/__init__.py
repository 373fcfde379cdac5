"""How long parcels take: what the shop's own orders say of when something arrives, and of its carriers."""
