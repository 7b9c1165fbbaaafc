"""``python -m fiscal``."""

import sys

from fiscal.cli import main

if __name__ == "__main__":
    sys.exit(main())
