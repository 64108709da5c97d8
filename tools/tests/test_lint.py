import unittest

from support import ToolTest

LONG = "int f() {\n" + "  g();\n" * 200 + "}\n"


class Lint(ToolTest):
    def test_good_files_pass(self):
        self.write("src/a/a.h", "#pragma once\n\nnamespace a {\nint f();\n}  // namespace a\n")
        self.write("run", "#!/bin/bash\necho ok\n", executable=True)
        self.write("docs/a.md", "See [b](b.md) and [web](https://example.org/x).\n")
        self.write("docs/b.md", "Words.\n")
        self.passes("tools/lint")

    def test_each_rule_refuses_its_breach(self):
        table = (
            ("src/a/a.h", "int f();\n", "a header needs #pragma once"),
            ("src/a/a.cpp", "int f(); \n", "trailing space"),
            ("src/a/a.cpp", "\tint f();\n", "tab"),
            ("src/a/a.cpp", "int f();", "no newline at the end"),
            ("src/a/a.cpp", "int f();\n\n", "blank line at the end"),
            ("src/a/a.cpp", "int f();  // TO" + "DO later\n", "unfinished work without an issue"),
            ("src/a/a.cpp", "int f();\n" * 601, "601 lines; 600 at most"),
            ("src/a/a.cpp", LONG, "a.cpp:1: function f has 202 lines; 150 at most"),
            ("src/a/a.cpp", f"// see {self.root}/x\n", "names a folder of this machine"),
            ("src/utils/a.cpp", "int f();\n", "says nothing"),
            ("docs/a.md", "See [b](missing.md).\n", "link to missing.md, which does not exist"),
            ("a.json", "{,}\n", "does not parse"),
            ("a.toml", "a = \n", "does not parse"),
            ("a.py", "def f(:\n", "does not parse"),
            ("a.sh", "#!/bin/bash\nif\n", "bash: "),
            ("run", "#!/bin/bash\n", "has a #! line but is not executable"),
            ("run", "#!/usr/bin/env " + "python3\n", "use #!/usr/bin/python3"),
        )
        for path, text, expected in table:
            with self.subTest(path=path, expected=expected):
                written = self.write(path, text)
                self.refuses(expected, "tools/lint")
                written.unlink()

    def test_unfinished_work_with_an_issue_passes(self):
        self.write("src/a/a.cpp", "int f();  // TO" + "DO(#12) later\n")
        self.passes("tools/lint")

    def test_a_long_function_in_a_class_is_noted_with_its_name(self):
        body = "  g();\n" * 70
        self.write("src/a/a.cpp", "namespace a {\nclass B {\n  void h() const {\n" + body + "  }\n};\n}  // namespace a\n")
        self.assertIn("src/a/a.cpp:3: note: function h has 72 lines", self.passes("tools/lint"))
        self.assertNotIn("note:", self.passes("tools/lint", "--quiet"))

    def test_a_table_is_no_function(self):
        self.write("src/a/a.cpp", "const Row kRows[] = {\n" + "  {f(1), 2},\n" * 200 + "};\n")
        self.passes("tools/lint")


if __name__ == "__main__":
    unittest.main()
