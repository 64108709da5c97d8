import unittest

from support import ToolTest

TABLE = """| id | promise |
|---|---|
| MTP-1 | Hardware class: base price |
| MTP-2 | Urgency: pay more |
| MTP-3 | Load: price rises |
| WRK-3 | Results: by hash |
"""


class Requirements(ToolTest):
    def setUp(self):
        super().setUp()
        self.write("docs/requirements.md", TABLE)
        self.write("src/p/price_test.cpp", "// REQ: MTP-1, MTP-2\n// more words\nTEST(Price, Base) {\n  f();  // REQ: MTP-3\n}\n")

    def test_a_citation_names_the_test_below_or_around_it(self):
        lines = self.passes("tools/requirements").splitlines()
        self.assertEqual(lines[:3], ["MTP-1   Price.Base", "MTP-2   Price.Base", "MTP-3   Price.Base"])
        self.assertIn("3 of 4 are cited", lines[-1])

    def test_the_test_below_wins_over_the_one_above(self):
        self.write("src/p/price_test.cpp", "TEST(Price, One) {}\n\n// REQ: MTP-1\nRC_GTEST_PROP(Price,\n    Two, ()) {}\n")
        self.assertIn("MTP-1   Price.Two", self.passes("tools/requirements"))

    def test_python_tests_and_scripts_count(self):
        self.write("tests/integration/results.py", "# REQ: WRK-3\ndef test_hash():\n    pass\n")
        self.assertIn("WRK-3   test_hash", self.passes("tools/requirements"))
        self.write("tests/integration/run.sh", "#!/bin/bash\n# REQ: WRK-3\n")
        self.assertIn("tests/integration/run.sh:2", self.passes("tools/requirements"))

    def test_a_citation_outside_of_tests_proves_nothing(self):
        self.write("src/p/price.cpp", "// REQ: WRK-3\n")
        self.assertIn("WRK-3   Results: by hash", self.passes("tools/requirements", "--missing"))

    def test_an_unknown_id_is_refused(self):
        self.write("src/p/other_test.cpp", "// REQ: MTP-99\n")
        self.refuses("src/p/other_test.cpp:1: cites MTP-99", "tools/requirements")

    def test_markdown_lists_every_requirement(self):
        output = self.passes("tools/requirements", "--markdown")
        self.assertIn("| MTP-1 | Hardware class: base price | `Price.Base` |", output)
        self.assertIn("| WRK-3 | Results: by hash | none yet |", output)


if __name__ == "__main__":
    unittest.main()
