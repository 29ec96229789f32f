"""How networks are mended: kinds of edits, and the search for the cheapest sets of them."""
