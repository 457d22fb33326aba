"""What the page of a report is made of: markup, style and scripts."""
