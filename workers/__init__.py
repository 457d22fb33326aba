"""The hands: who executes a clip and who touches the disk. Workers know the stage contract and no stage."""
