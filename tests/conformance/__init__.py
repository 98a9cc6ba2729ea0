"""Cedar's own corpus: what Cedar decided of each request, and whether its validator takes the policies."""
