"""leakhunt finds memory leaks in live Python web apps.

This module stays empty but for the version, because launched targets may import it.
"""

__version__ = "0.1.0.dev0"
