"""The residual of inverse depth of ViPOcc (section 3.3, equation 3), learned without labels."""
