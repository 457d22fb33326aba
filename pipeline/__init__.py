"""The chain: recipe, plan, run, version; and what people do with versions."""
