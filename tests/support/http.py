"""What the requests of tests share."""

HTMX = {"HX-Request": "true"}  # headers that ask for the fragment instead of the page
