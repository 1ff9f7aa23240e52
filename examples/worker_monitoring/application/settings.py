"""The settings of this application, from the environment of the process."""

import os

from wca.errors import ValidationError
from wca.workers import Settings

__all__ = ["Settings", "app_settings"]

try:
    app_settings = Settings.from_environment(os.environ)
except ValidationError as error:
    raise SystemExit(str(error)) from None
