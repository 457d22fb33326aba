"""What a perfect model of depth and segments would see in the images, and what one that errs sees."""
