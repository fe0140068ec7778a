"""One module per data file; each has `build()`, which returns its VectorFile."""
