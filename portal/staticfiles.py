"""Static files under names that change with their content, scripts included."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Also rewrites what one module imports from another.

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
