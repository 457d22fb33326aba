"""A version, or two, as one HTML file that needs nothing else: figures, causes, pictures and a view that turns."""
