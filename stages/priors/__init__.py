"""What models see in single images: depth and segments of each camera, before any step puts them into a grid."""
