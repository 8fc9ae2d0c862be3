"""Stores static files under hashed names, and rewrites imports of modules."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Also rewrites the imports between JavaScript modules.

    Django does so for files that end in .js only. With names that stay, a browser
    could mix the modules of two versions for a while after an update.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        (
            "*.mjs",
            (
                (
                    r"""(?P<matched>(?P<how>from|import)\s*['"](?P<url>[./].*?)['"])""",
                    '%(how)s "%(url)s"',
                ),
            ),
        ),
    )
