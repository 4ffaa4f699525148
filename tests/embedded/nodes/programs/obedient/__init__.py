"""A program that does what its argument says."""

import os

LOADED_BY = os.getpid()
