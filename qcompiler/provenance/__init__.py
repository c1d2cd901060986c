"""What a module says of the model it comes from: nodes in locations, notes."""
