"""The craft: one folder per step, in the order the data flows: ingest, completion, voting, evaluation, export."""
