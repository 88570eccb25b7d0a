"""Writes fnmatch.json: what Python's own fnmatch answers. Run with Python 3.11 or later; the result is committed."""
import fnmatch
import json
import random

random.seed(20261124)
NAMED = [
    ("*", ""), ("*", "a/b/c"), ("foo*", "foo/bar"), ("*/bar", "foo/x/bar"), ("?", "/"), ("?", "😀"), ("??", "😀"),
    ("*", ".hidden"), (".*", ".hidden"), ("a\\*", "a*"), ("a\\*", "a\\b"), ("[!a-z]", "a"), ("[!a-z]", "A"),
    ("[^a-z]", "^"), ("[^a-z]", "b"), ("[^a-z]", "B"), ("[a-z]", "b"), ("[z-a]", "b"), ("[!z-a]", "b"), ("[]a]", "]"),
    ("[!]a]", "]"), ("[!]a]", "x"), ("[", "["), ("[a", "[a"), ("[]", "[]"), ("[!]", "[!]"), ("a[b", "a[b"),
    ("[a-]", "-"), ("[-a]", "-"), ("[--a]", "."), ("[a-b-c]", "-"), ("[a-b-c]", "c"), ("[!-a]", "-"), ("[&&a]", "&"),
    ("[||a]", "|"), ("[~~a]", "~"), ("[[]", "["), ("[a]]", "a]"), ("{a,b}", "a"), ("{a,b}", "{a,b}"), ("!x", "!x"),
    ("!x", "y"), ("#x", "#x"), ("+(a|b)", "a"), ("FOO", "foo"), ("foo", "foo\n"), ("foo?", "foo\n"), ("*", "a\nb"),
    ("a*b*c", "aXbYc"), ("a*b*c", "aXcYb"), ("**", "x"), ("a**b", "ab"), ("", ""), ("", "a"), ("*a", "ba"), ("é", "é"),
    ("[à-ü]", "é"), ("[😀-😎]", "😁"), ("[!😀]", "😁"), ("*😀*", "x😀y"), ("foo.p?", "foo.py"), ("$", "$"), ("^a", "^a"),
    ("(a)", "(a)"), ("a.c", "abc"), ("demo-project/*", "demo-project/foo.py"), ("*.py", "a/b.py"), ("foo.d/*", "foo.d/bar"),
]
PATTERN = "ab*?[]!-^/.😀zA\\"
NAME = "ab-]![^/.😀\nzA\\"


def word(alphabet, longest):
    return "".join(random.choice(alphabet) for _ in range(random.randint(0, longest)))


def inside(pattern):
    """A name that has a chance: the pattern with its wildcards replaced."""
    return "".join(random.choice(NAME) if c in "?" else word(NAME, 2) if c == "*" else c for c in pattern)


def set_pattern():
    return "[" + random.choice(["", "!", "^"]) + word("abz-]A😀", 5) + "]" + word(PATTERN, 2)


cases = list(NAMED)
for _ in range(500):
    pattern = word(PATTERN, 7)
    cases += [(pattern, word(NAME, 5)), (pattern, inside(pattern))]
for _ in range(700):
    cases.append((set_pattern(), random.choice(NAME) + word(NAME, 1)))
rows = [[p, n, fnmatch.fnmatchcase(n, p)] for p, n in dict.fromkeys(cases)]
print("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]")
