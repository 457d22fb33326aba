"""Gates: whether a published version may be the latest. One file holds one gate; ``table.py`` lists them."""
