"""noxfile.py: `nox -s memory`; options of leakhunt go after two dashes."""

import nox


@nox.session
def memory(session: nox.Session) -> None:
    """Fail where a request leaves memory behind."""
    session.install("-r", "requirements.txt", "leakhunt-memory")
    session.run("leakhunt", "check", *session.posargs)
