"""Other tools that bring code into a running Python, and leakhunt, under the same conditions."""
