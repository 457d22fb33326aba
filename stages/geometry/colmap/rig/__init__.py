"""Cameras that sit rigidly on one car, mapped as one: what one of them sees, another saw before."""
