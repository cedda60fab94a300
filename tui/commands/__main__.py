"""The command line as a module."""

from __future__ import annotations

import sys

from tui.commands import main

sys.exit(main())
