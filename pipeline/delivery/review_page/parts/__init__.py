"""What the page of a review is made of, beside the parts of a report."""
