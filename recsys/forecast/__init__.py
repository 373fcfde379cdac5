"""What will be sold, and what things cost: weekly demand with intervals, usual prices, price drops, elasticity."""
