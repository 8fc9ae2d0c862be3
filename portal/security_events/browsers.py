"""Names browser and system by a client's User-Agent."""

from collections.abc import Mapping

from django.utils.translation import gettext

# The first part that occurs decides: most browsers also name those that they imitate.
_BROWSERS: Mapping[str, str] = {
    "Edg/": "Edge",
    "EdgA/": "Edge",
    "EdgiOS/": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Vivaldi/": "Vivaldi",
    "FxiOS/": "Firefox",
    "Firefox/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS: Mapping[str, str] = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Macintosh": "macOS",
    "Linux": "Linux",
}
_PROGRAMS = ("curl/", "Wget/", "python", "Python", "Go-http-client", "PowerShell")


def browser_text(agent: str) -> str:
    """Return browser and system in words: "Firefox on Windows".

    A client can send any text; none of it is repeated.
    """
    browser = _first(_BROWSERS, agent)
    system = _first(_SYSTEMS, agent)
    if browser and system:
        return gettext("%(browser)s on %(system)s") % {
            "browser": browser,
            "system": system,
        }
    if browser or system:
        return browser or gettext("a browser on %(system)s") % {"system": system}
    if any(one in agent for one in _PROGRAMS):
        return gettext("a program")
    return gettext("an unknown browser")


def _first(names: Mapping[str, str], agent: str) -> str:
    return next((name for part, name in names.items() if part in agent), "")
