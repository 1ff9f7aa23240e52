"""``python -m wca``."""

import sys

from wca.main import main

if __name__ == "__main__":
    sys.exit(main())
