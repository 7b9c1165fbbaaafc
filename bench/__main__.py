"""``python -m bench``."""

import sys

if __name__ == "__main__":
    try:
        from bench.cli import main
    except KeyboardInterrupt:  # while the libraries were loading
        print("interrupted; nothing was written", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    sys.exit(main())
