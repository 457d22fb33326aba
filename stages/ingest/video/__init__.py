"""Video that comes with little: films and folders of images, with what is known of their cameras beside them."""
