"""What ways of finding poses in images share: points, the road, metres, and the sentences where there are none."""
