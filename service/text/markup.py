"""HTML → the text that its reader sees, a line a block (pure).

A tokeniser of our own over the names of HTML's elements (https://html.spec.whatwg.org/multipage/indices.html): what comes is
mostly no document but words with "<3", "a < b" or "<number>" in them, which a parser would take for markup or drop; and the
standard library's parser takes seconds over 30,000 characters of "<a ".
"""

import re
from html import unescape

_BLOCKS = (
    "address|article|aside|blockquote|body|br|dd|div|dl|dt|fieldset|figure|footer|form|h[1-6]|head|header|hr|html|li|main|nav|ol|"
    "p|pre|section|table|tbody|td|tfoot|th|thead|title|tr|ul"
)
_INLINE = (
    "a|abbr|b|bdi|bdo|big|center|cite|code|col|del|em|font|i|img|input|ins|kbd|label|link|mark|meta|q|s|small|span|strike|strong|"
    "sub|sup|svg|time|tt|u|var|wbr"
)
# Not shown with all that stands in them.
_HIDDEN = "script|style|template|noscript|head|title"
_TAG = re.compile(
    rf"<(/?)({_BLOCKS}|{_INLINE}|{_HIDDEN})(?:\s*/?|\s[^<>]{{0,4000}}?=[^<>]{{0,4000}})>|<!--|-->|<!doctype[^<>]{{0,400}}>",
    re.IGNORECASE,
)
_BLOCK, _HIDE = re.compile(_BLOCKS, re.IGNORECASE), re.compile(_HIDDEN, re.IGNORECASE)
_ENTITY = re.compile(r"&(?:amp;)*(#\d{1,7};|#x[0-9a-f]{1,6};|[a-z][a-z0-9]{1,30};)", re.IGNORECASE)


def show(text):
    """The text without tags, comments, scripts and styles; entities are the signs that they stand for. What is no HTML stays."""
    if "<" in text and _TAG.search(text):
        text = _without_tags(text)
    if "&" in text:
        text = _ENTITY.sub(lambda entity: unescape("&" + entity[1]), text)
    return text


def _without_tags(text):
    shown, at, hidden_by = [], 0, None
    for tag in _TAG.finditer(text):
        name = (tag[2] or tag[0][:4]).lower()
        if hidden_by is None:
            shown.append(text[at : tag.start()])
            at = tag.end()
            if name == "<!--" or (_HIDE.fullmatch(name) and not tag[1]):
                hidden_by, back = name, (tag.end(), len(shown))
            shown.append("\n" if _BLOCK.fullmatch(name) else "")
        elif (hidden_by, name) == ("<!--", "-->") or (hidden_by == name and tag[1]):
            hidden_by, at = None, tag.end()
    if hidden_by is not None:  # never closed: what follows was meant to be read, or is better read than lost
        at = back[0]
    shown.append(text[at:])
    return "".join(shown)
