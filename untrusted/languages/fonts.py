"""Lets matplotlib draw scripts that its own fonts lack: Chinese, Japanese, Korean, those of India, emoji and more.

A font is looked at when a text needs it, so that figures without such a text take no longer. The files come in two
packages of the environment; where these are missing, nothing changes.
"""

from __future__ import annotations

import functools
import os
import sysconfig
from typing import Any

# The whole of Noto Sans CJK; which forms an ideograph has, where countries differ, is Japan's.
CJK = "noto_cjk_sans_jp_regular/NotoSansCJKjp-Regular.otf"
OTHER = "manimgx_fonts/{}[wght].ttf"
FIRST_FOREIGN = "\u0530"  # every one of DejaVu's fonts has what comes before: Latin, Greek, Cyrillic
# First and last character, and the font; in the order of the characters.
SCRIPTS = (
    ("\u0530", "\u058f", "NotoSansArmenian"), ("\u0590", "\u05ff", "NotoSansHebrew"),
    ("\u0600", "\u077f", "NotoSansArabic"), ("\u0900", "\u097f", "NotoSansDevanagari"),
    ("\u0980", "\u09ff", "NotoSansBengali"), ("\u0a00", "\u0a7f", "NotoSansGurmukhi"),
    ("\u0a80", "\u0aff", "NotoSansGujarati"), ("\u0b00", "\u0b7f", "NotoSansOriya"),
    ("\u0b80", "\u0bff", "NotoSansTamil"), ("\u0c00", "\u0c7f", "NotoSansTelugu"),
    ("\u0c80", "\u0cff", "NotoSansKannada"), ("\u0d00", "\u0d7f", "NotoSansMalayalam"),
    ("\u0d80", "\u0dff", "NotoSansSinhala"), ("\u0e00", "\u0e7f", "NotoSansThai"),
    ("\u0e80", "\u0eff", "NotoSansLao"), ("\u1000", "\u109f", "NotoSansMyanmar"),
    ("\u10a0", "\u10ff", "NotoSansGeorgian"), ("\u1100", "\u11ff", ""),
    ("\u1200", "\u139f", "NotoSansEthiopic"), ("\u1780", "\u17ff", "NotoSansKhmer"),
    ("\u19e0", "\u19ff", "NotoSansKhmer"), ("\u2e80", "\ua4cf", ""),
    ("\uac00", "\ud7ff", ""), ("\uf900", "\ufaff", ""),
    ("\ufb1d", "\ufb4f", "NotoSansHebrew"), ("\ufb50", "\ufdff", "NotoSansArabic"),
    ("\ufe30", "\ufe4f", ""), ("\ufe70", "\ufeff", "NotoSansArabic"),
    ("\uff00", "\uffef", ""), ("\U0001f000", "\U0001faff", "NotoEmoji"),
    ("\U00020000", "\U0003ffff", ""),
)  # fmt: skip
# What lessons ask for because it is on the computers of those who wrote them.
CJK_NAMES = (
    "SimHei", "SimSun", "Microsoft YaHei", "PingFang SC", "Heiti SC", "Heiti TC", "STHeiti", "WenQuanYi Micro Hei",
    "Noto Sans CJK SC", "Noto Sans CJK TC", "Noto Sans CJK KR", "Noto Sans CJK JP", "Source Han Sans CN",
    "IPAexGothic", "MS Gothic", "Meiryo", "Yu Gothic", "Hiragino Sans",
    "Malgun Gothic", "NanumGothic", "NanumBarunGothic", "AppleGothic",
)  # fmt: skip

_wanted: list[str] = []  # by texts so far, in the order in which they are tried


def add_to_matplotlib() -> None:
    """Have matplotlib find these fonts; called once, in the zygote."""
    if not os.path.exists(_file(CJK)):
        return
    from matplotlib.font_manager import FontEntry, FontManager, fontManager
    from matplotlib.text import Text

    set_text, find = Text.set_text, FontManager._find_fonts_by_props

    @functools.wraps(set_text)
    def set_text_with_fonts(self: Any, s: Any) -> None:
        set_text(self, s)
        if not self._text.isascii():
            want_for(self._text)

    @functools.wraps(find)
    def find_with_others(self: Any, prop: Any, fontext: str = "ttf", *more: Any, **options: Any) -> list:
        found = find(self, prop, fontext, *more, **options)
        return found + [path for path in _wanted if path not in found] if _wanted and fontext == "ttf" else found

    Text.set_text = set_text_with_fonts
    FontManager._find_fonts_by_props = find_with_others
    there = {entry.name for entry in fontManager.ttflist}
    for name in set(CJK_NAMES) - there:
        entry = FontEntry(fname=_file(CJK), name=name, style="normal", variant="normal", weight=400,
                          stretch="normal", size="scalable")  # fmt: skip
        fontManager.ttflist.append(entry)


def want_for(text: str) -> None:
    """Have the fonts tried that a text needs beside matplotlib's own."""
    if max(text, default="") < FIRST_FOREIGN:
        return
    for char in set(text):
        file = _font_of(char)
        if file and file not in _wanted:
            _wanted.append(file)


def _font_of(char: str) -> str | None:
    for first, last, name in SCRIPTS:
        if char <= last:
            return (_file(OTHER.format(name) if name else CJK)) if char >= first else None
    return None


def _file(name: str) -> str:
    return os.path.join(sysconfig.get_path("purelib"), name)
