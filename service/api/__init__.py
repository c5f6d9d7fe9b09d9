"""HTTP routes, a module per audience: authenticate, parse, call one function, shape the reply."""
