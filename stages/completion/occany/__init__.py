"""OccAny: views that no camera took, asked of a network, complete what cameras see."""
