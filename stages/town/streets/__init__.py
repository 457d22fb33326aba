"""Where the roads lie, what lines them, who drives on them, and the ground under it all."""
