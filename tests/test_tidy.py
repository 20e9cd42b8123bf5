"""The budgets and bans of the house, held over every tracked file; each rule is shown a breach that it must see."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tidy import rules, rust_source
from tests.tidy.references import unreferenced

Rule = Callable[[str, str], Iterator[str]]
TEXT = {
    "",
    ".css",
    ".html",
    ".js",
    ".json",
    ".lock",
    ".md",
    ".py",
    ".pyi",
    ".rs",
    ".sh",
    ".svg",
    ".toml",
    ".ts",
    ".tsx",
    ".txt",
    ".in",
}


@pytest.fixture(scope="module")
def files(repository: Path) -> dict[str, str]:
    """Every tracked file and its text; of one that is no text, only that it is there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    paths = [path for path in listed if path and (repository / path).is_file()]
    return {
        path: (repository / path).read_text(encoding="utf-8") if Path(path).suffix in TEXT else "" for path in paths
    }


@pytest.mark.parametrize("rule", rules.ALONE, ids=lambda rule: rule.__name__)
def test_no_file_breaks_a_rule(rule: Rule, files: dict[str, str]) -> None:
    assert [breach for path, text in files.items() for breach in rule(path, text)] == []


def test_no_file_is_unreferenced(files: dict[str, str]) -> None:
    assert list(unreferenced(files)) == []


def test_every_allowed_impurity_is_still_there_and_has_a_reason(files: dict[str, str]) -> None:
    for (path, found), reason in rules.ALLOWED_IMPURITY.items():
        assert found in files[path], path
        assert reason


CORE = "crates/core/src/x.rs"
LONG_RUST = "fn long() {\n" + "    step();\n" * 59 + "}\n"
PLANTS: list[tuple[Rule, str, str, str]] = [
    (rules.sizes, "python/kedge/x.py", "\n" * 501, "501 lines"),
    (rules.sizes, "tests/unit/test_x.py", "\n" * 801, "801 lines"),
    (rules.sizes, "docs/x.md", "\n" * 501, "501 lines"),
    (rules.sizes, CORE, f"// {'x' * 118}\n", ":1: 121 characters"),
    (rules.python_shapes, "x.py", "def f():\n" + "    pass\n" * 60, "`f` has 61 lines"),
    (
        rules.python_shapes,
        "x.py",
        "class C:\n" + "".join(f"    def m{i}(self): ...\n" for i in range(26)),
        "26 methods",
    ),
    (rules.python_shapes, "x.py", "class OrderManager: ...", "says nothing"),
    (rules.rust_shapes, CORE, LONG_RUST, ":1: `long` has 61 lines"),
    (rules.rust_shapes, CORE, "impl<'a> Book<'a> {" + "fn m(&self) { if x { y() } }\n" * 26 + "}", "`Book` has 26"),
    (rules.rust_shapes, CORE, "pub struct BookHelper;", "says nothing"),
    (rules.words, "python/kedge/x.py", "# TO" + "DO later", "finish it"),
    (rules.words, "docs/x.md", "FIX" + "ME", "finish it"),
    (rules.words, "python/kedge/order_utils.py", "", "says nothing"),
    (rules.words, "crates/core/src/common/mod.rs", "", "says nothing"),
    (rules.words, "README.md", "see /wo" + "rk/x", "path of one machine"),
    (rules.words, "docs/x.md", 'open("/ro' + 'ot/x")', "path of one machine"),
    (rules.words, "requirements.lock", "--index-url ht" + "tps://example.org/simple", "address that is not known"),
    (rules.words, "web/package-lock.json", '"resolved": "ht' + 'tps://example.org/x.tgz"', "address that is not known"),
    (rules.words, "README.md", "data in ../sha" + "red/data", "no user has"),
    (rules.printing, "python/kedge/feeds/x.py", "def f():\n    print(1)", ":2: prints"),
    (rules.printing, "crates/journal/src/x.rs", "fn f() { println!(); }", ":1: prints"),
    (rules.purity, CORE, "use std::time::Instant;", "a clock"),
    (rules.purity, CORE, "\nuse std::collections::HashMap;", ":2: an order that changes"),
    (rules.purity, CORE, "let x = rand::random();", "not seeded"),
    (rules.purity, CORE, "std::thread::spawn(f);", "a thread"),
    (rules.purity, CORE, "std::fs::read(p)", "a file"),
    (rules.purity, CORE, "let y = x.ln();", "differs between machines"),
    (rules.room_docstring, "python/kedge/feeds/__init__.py", '"""In: a. Out: b. Raises: c."""', "lacks `Units`"),
    (rules.room_docstring, "python/kedge/feeds/__init__.py", "", "lacks `In:`"),
]


@pytest.mark.parametrize(("rule", "path", "text", "said"), PLANTS)
def test_a_rule_sees_its_plant(rule: Rule, path: str, text: str, said: str) -> None:
    found = list(rule(path, text))
    assert found
    assert said in found[0]


def test_every_rule_has_a_plant() -> None:
    assert {plant[0] for plant in PLANTS} == set(rules.ALONE)


KEPT: list[tuple[Rule, str, str]] = [
    (rules.sizes, "requirements.lock", "\n" * 5_000),
    (rules.sizes, "docs/x.md", "x" * 500),
    (rules.rust_shapes, CORE, LONG_RUST.replace("    step();\n", "", 1)),
    (rules.rust_shapes, CORE, "impl Display for Book {" + "fn m(&self) {}\n" * 26 + "}"),
    (rules.rust_shapes, CORE, "trait T { fn f(&self); }\n" + "\n" * 70),
    (rules.printing, "python/kedge/cli/x.py", "print(1)"),
    (rules.printing, CORE, '// println!()\nconst X: &str = "println!()";'),
    (rules.purity, CORE, "#[cfg(test)]\nmod tests {\n    use std::collections::HashMap;\n}\n"),
    (rules.purity, CORE, "let y = libm::log(x); // not x.ln()"),
    (rules.purity, "crates/journal/src/x.rs", "use std::time::Instant;"),
    (rules.words, "x.py", "ht" + "tp://127.0.0.1:80/tmp/x"),
]


@pytest.mark.parametrize(("rule", "path", "text"), KEPT)
def test_a_rule_lets_pass_what_it_may(rule: Rule, path: str, text: str) -> None:
    assert list(rule(path, text)) == []


def test_a_file_that_nothing_leads_to_is_seen(files: dict[str, str]) -> None:
    name = "for" + "gotten"  # in halves, so that this file does not name the plants
    planted = {
        f"python/kedge/model/{name}.py": "",
        f"python/kedge/model/{name}_but_tested.py": "",
        f"crates/core/src/{name}.rs": "",
        f"crates/core/src/{name}/mod.rs": "",
        f"docs/{name}.md": "",
        f"examples/{name}.py": "",
        f"tests/{name}.py": "",
    }
    test = {"tests/unit/test_new.py": f"import kedge.model.{name}_but_tested"}
    before = set(unreferenced(files))
    found = [breach for breach in unreferenced({**files, **test, **planted}) if breach not in before]
    assert [breach.split(":")[0] for breach in found] == list(planted)


RUST = r"""
/* a /* nested { */ comment } */
fn plain<'a>(text: &'a str) -> [u8; 2] {
    let s = "quote \" } {"; let raw = r#"a " { "#; let c = '{'; let q = '\''; let b = b"{";
    let u = '\u{7b}'; // }
    [0; 2]
}
trait Shape { fn area(&self) -> f64; }
impl<T: Into<i64>> Book<T> where T: Copy {
    fn one(&self) { fn inner() {} inner(); }
    const fn two() -> Self { Self {} }
}
impl Shape for Book<i64> { fn area(&self) -> f64 { 0.0 } }
"""


def test_rust_is_measured_past_strings_comments_and_lifetimes() -> None:
    source = rust_source.code(RUST)
    assert source.count("{") == source.count("}")
    assert len(source) == len(RUST)
    spans = {function.name: (function.first, function.last) for function in rust_source.functions(source)}
    assert spans == {"plain": (3, 7), "one": (10, 10), "inner": (10, 10), "two": (11, 11), "area": (13, 13)}
    assert rust_source.methods(source) == {"Book": 2}
