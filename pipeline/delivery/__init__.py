"""How it leaves the house: exports, trajectories, pictures, the map."""
