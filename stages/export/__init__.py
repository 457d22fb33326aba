"""Writing labels as the benchmarks' tools and existing trainers read them."""
