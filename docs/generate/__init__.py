"""Pages of the site that are made from the code: what is undocumented is an error."""
