"""A log in space and time, as data (``log_scene``), as a rerun recording (``recording``), and opened (``viewer``)."""
