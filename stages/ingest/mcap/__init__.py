"""Recordings of ROS 2 as MCAP files, with a table that says what their topics are."""
