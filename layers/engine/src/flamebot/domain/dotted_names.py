"""Words with a dot inside that are no address: abbreviations, files, technologies, numbers.

Everything else with a dot inside may be a domain or a handle. A list of the top-level domains that
exist would not help: there are more than a thousand, ordinary words among them.
"""

from __future__ import annotations

import re

# Endings of files that are no top-level domain.
_FILES = re.compile(
    r"js|jsx|ts|tsx|json|yaml|yml|toml|ini|cfg|conf|csv|tsv|txt|log|pdf|doc|docx|odt|rtf|xls"
    r"|xlsx|ods|ppt|pptx|odp|epub|php|jpg|jpeg|png|gif|bmp|tif|tiff|webp|svg|heic|raw|psd|mp3"
    r"|mp4|wav|flac|ogg|m4a|avi|mkv|webm|html|htm|css|scss|xml|exe|dll|bat|msi|dmg|iso|tar|gz"
    r"|bz2|xz|7z|rar|java|class|kt|cpp|hpp|cs|go|rb|hs|swift|sql|ipynb|tex|bib|bak|tmp|ttf|otf"
    r"|apk|jar|gpx|ics|eml|vcf"
)
# Endings of files that are top-level domains too, and names that files with them usually have.
_FILE_DOMAINS = re.compile(r"md|py|sh|rs|zip|mov|pl|cc|so|ps|ai|app")
_FILE_NAMES = re.compile(
    r"readme|changelog|contributing|license|notes|index|main|setup|test|tests|lib|mod|app"
    r"|install|build|run|start|script|config|init|manage|hello|example|backup|archive|photos"
    r"|video|summer|draft|final|untitled"
)
_TECHNOLOGIES = re.compile(
    r"asp\.net|vb\.net|ado\.net|ml\.net|socket\.io|draw\.io|will\.i\.am|discord\.py"
)
_ABBREVIATIONS = re.compile(
    r"ph\.d|m\.sc|b\.sc|d\.phil|ed\.d|b\.eng|m\.eng|dr\.med|z\.b|n\.chr|v\.chr"
)
# What is written before a name or a number with a dot, as in "St.Gallen".
_TITLES = re.compile(r"mr|mrs|ms|dr|st|prof|no|nr|vol|fig|ca|vs|jr|sr|mt|ft|op|approx|max|min")
# Words that begin a sentence after a forgotten blank, and are no top-level domain.
_STARTERS = re.compile(
    r"the|then|this|that|these|there|i|we|you|he|she|they|and|but|or|also|ask|if|when|what|who"
    r"|why|how|not|yes|let|tell|just|always|never|sometimes|still|very|our|your|their|his|her|a"
    r"|an|on|for|from|with|i'm|it's|don't"
)
# Top-level domains that end an address beyond doubt, also with blanks around the dot.
ENDINGS = (
    "com|net|org|io|me|co|app|link|ly|gg|tv|info|biz|xyz|site|online|dev|ai|uk|de|fr|us|ru|club|vip"
    "|page|bio|chat|one|to|cc|eu|nl|ee|shop|store|website|blog|social|fans|dating|live|mobi|ws|sx"
)
_DOMAINS = frozenset(ENDINGS.split("|"))
_SHORTEST_DOMAIN = 2


def harmless_name(name: str, *, path: bool = False) -> bool:
    """Return whether a word with a dot inside is no address.

    Args:
        name: Labels with single dots between them, without a dot at either end.
        path: A path follows, or a port.
    """
    labels = name.split(".")
    first, last = labels[0].lower(), labels[-1].lower()
    if _TECHNOLOGIES.fullmatch(name.lower()) or _ABBREVIATIONS.fullmatch(name.lower()):
        return not path
    # No top-level domain begins with a digit or has one letter only.
    if last[0].isdigit():
        return (
            first[-1].isdigit() or len(first) < _SHORTEST_DOMAIN or len(last) == 1 or _title(first)
        )
    if all(len(label) == 1 for label in labels):
        return True
    if _FILES.fullmatch(last):
        return not _DOMAINS & {label.lower() for label in labels[1:-1]}
    if _FILE_DOMAINS.fullmatch(last):
        # No domain has an underscore, so that one usual word in such a name is enough.
        words = [first.rstrip("0123456789"), *(first.split("_") if "_" in first else ())]
        usual = any(_FILE_NAMES.fullmatch(word) for word in words)
        return usual and name.count(".") == 1 and not path
    if len(last) <= _SHORTEST_DOMAIN and not _STARTERS.fullmatch(last):
        return False
    if not labels[-1].istitle() or last in _DOMAINS:
        return False
    # "J.R.R.Tolkien", "St.Gallen", "tea.Then".
    initials = all(len(label) == 1 and label.isupper() for label in labels[:-1])
    return (
        initials or _title(first) or (labels[0].islower() and _STARTERS.fullmatch(last) is not None)
    )


def _title(word: str) -> bool:
    return _TITLES.fullmatch(word) is not None
