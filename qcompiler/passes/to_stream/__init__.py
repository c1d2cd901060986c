"""Which processes each integer operation becomes, by kind."""
