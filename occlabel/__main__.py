"""``python -m occlabel`` is the command ``occlabel``."""

from occlabel.pipeline.cli import main

if __name__ == "__main__":
    main()
