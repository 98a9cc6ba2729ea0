"""Cedar as a second way to write policies: it comes to the same typed rules as the language of pdp."""
