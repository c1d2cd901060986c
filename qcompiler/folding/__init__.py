"""How much of a network works in parallel: setting it, evaluating it, searching for it."""
