"""``python -m gpubp``: the command ``gpubp``, where the script isn't on the path."""

import sys

from gpubp.cli import main

if __name__ == "__main__":
    sys.exit(main())
