"""``python -m convsolve``."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the current folder, which comes first with `-m`: what lies there is never taken for a library

from .cli import main

if __name__ == "__main__":
    main()
