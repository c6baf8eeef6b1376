"""The Chinese pages say what the English ones say: the same shape, programs, links and words."""

from __future__ import annotations

import ast
import posixpath
import re
from collections import Counter
from itertools import zip_longest

import pytest

from .test_docs import FENCE, ROOT

HAN = re.compile(r"[\u4e00-\u9fff]")
ZH_INDEX = (ROOT / "docs" / "zh" / "index.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TRANSLATED = {  # each Chinese page, and the English one that it says again
    "README.zh.md": "README.md",
    **{
        page.relative_to(ROOT).as_posix(): f"docs/tutorial/{page.name}"
        for page in sorted(ROOT.glob("docs/zh/tutorial/*.md"))
    },
}
HOME_IN_CHINESE = {"docs/zh/index.md": "docs/glossary.md"}  # the glossary of the Chinese pages
BESIDE_THE_GLOSSARY = {  # what other books say for a word of it
    "信道": "通道",
    "频道": "通道",
    "汇合": "会合",
    "会和": "会合",
    "卫兵": "守卫",
    "栅栏": "屏障",
    "租赁": "租约",
    "退休": "退役",
    "投毒": "毒化",
    "工作者": "工作进程",
}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def pairs() -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("chinese", "english"), list(TRANSLATED.items()))


# --- what is compared -----------------------------------------------------------------------------


MARK = re.compile(r"#+ |\* |\d+\. |\||    |```.*")


def shape(text: str) -> list[str]:
    """A word for each thing of the page: a heading, a paragraph, an item, a row, a block."""
    found: list[str] = []
    for part in re.split(r"\n\s*\n", FENCE.sub(outlined, text)):
        marks = [mark[0] for line in part.splitlines() if (mark := MARK.match(line))]
        found += marks or (["text"] if part.strip() else [])
    return found


def outlined(fence: re.Match[str]) -> str:
    """What a block is, in place of it; why it does not run is said in each language."""
    return f"\n\n```{fence['kind']} {(fence['mark'] or '').partition(':')[0]}\n\n"


def fences(text: str) -> list[tuple[str, str]]:
    return [(fence["kind"], fence["text"]) for fence in FENCE.finditer(text)]


def differences(chinese: str, english: str) -> list[str]:
    """Where two programs differ other than in comments and in strings that are Chinese in one."""
    there, here = ast.parse(english), ast.parse(chinese)
    for ours, theirs in zip(ast.walk(here), ast.walk(there), strict=False):
        both = isinstance(ours, ast.Constant) and isinstance(theirs, ast.Constant)
        if both and isinstance(theirs.value, str) and HAN.search(str(ours.value)):
            ours.value = theirs.value
    lines = zip_longest(ast.unparse(here).splitlines(), ast.unparse(there).splitlines())
    return [f"{ours!r}, not {theirs!r}" for ours, theirs in lines if ours != theirs]


def without_comment(line: str) -> str:
    return line.partition(" # ")[0].rstrip()


def shown(text: str) -> list[str]:
    """What stands indented: messages, as they are printed."""
    return re.findall(r"^    \S.*", FENCE.sub("", text), re.MULTILINE)


def links(page: str) -> Counter[str]:
    """Where a page leads; a Chinese page counts as the English one that it says again."""
    found = Counter[str]()
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text_of(page))):
        if ":" in target or target.startswith("#"):
            found[target if ":" in target else "#"] += 1
            continue
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target.split("#")[0]))
        found[(TRANSLATED | HOME_IN_CHINESE).get(path, path)] += 1
    return found


# --- the pages -----------------------------------------------------------------------------------


def test_each_page_of_the_tutorial_has_its_chinese_page() -> None:
    english = {page.name for page in ROOT.glob("docs/tutorial/*.md")}
    assert {page.name for page in ROOT.glob("docs/zh/tutorial/*.md")} == english
    assert english


@pairs()
def test_the_two_pages_have_the_same_shape(chinese: str, english: str) -> None:
    assert shape(text_of(chinese)) == shape(text_of(english))


@pairs()
def test_the_two_pages_have_the_same_blocks(chinese: str, english: str) -> None:
    ours, theirs = fences(text_of(chinese)), fences(text_of(english))
    assert [kind for kind, _ in ours] == [kind for kind, _ in theirs]
    for (kind, here), (_, there) in zip(ours, theirs, strict=True):
        if kind == "python":
            assert differences(here, there) == []
            continue
        lines = [list(map(without_comment, text.splitlines())) for text in (here, there)]
        for line, original in zip(*lines, strict=True):
            assert line == original or HAN.search(line)


@pairs()
def test_the_two_pages_show_the_same_messages(chinese: str, english: str) -> None:
    assert shown(text_of(chinese)) == shown(text_of(english))


@pairs()
def test_the_two_pages_lead_to_the_same_places(chinese: str, english: str) -> None:
    assert links(chinese) == links(english)


# --- the words -----------------------------------------------------------------------------------


def test_the_chinese_glossary_has_each_word_of_the_english_one() -> None:
    words = re.findall(r"^\*\*(.+)\*\*$", GLOSSARY, re.MULTILINE)
    cells = re.findall(r"^\| ([^|]+) \|", ZH_INDEX, re.MULTILINE)
    assert words
    assert not set(words) - {word for cell in cells for word in cell.split(", ")}


@pytest.mark.parametrize(
    "page",
    ["README.zh.md", *(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/zh/**/*.md"))],
)
def test_a_chinese_page_uses_the_words_of_the_glossary(page: str) -> None:
    text = text_of(page)
    assert not {wrong: right for wrong, right in BESIDE_THE_GLOSSARY.items() if wrong in text}


# --- the comparisons find what they look for --------------------------------------------------------


def test_a_paragraph_or_an_item_more_is_a_difference() -> None:
    page = "# A\n\nOne\ntwo.\n\n* an item\n\n```text\n# no heading\n```\n\n| a |\n"
    assert shape(page) == ["# ", "text", "* ", "```text ", "|"]
    assert shape(page + "\nMore.\n") != shape(page)


def test_only_chinese_strings_and_comments_may_differ() -> None:
    assert differences("print('素数', n)  # 打印\n", "print('primes', n)\n") == []
    assert differences("print('素数', m)\n", "print('primes', n)\n") != []
    assert differences("print('prime', n)\n", "print('primes', n)\n") != []
    assert differences("x = 1\n", "x = 2\n") != []
