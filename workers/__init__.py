"""The hands: who executes a unit of work and who touches the disk. Workers know the stage contract and no stage."""
