import sys
import unittest

from support import ROOT

sys.path.insert(0, str(ROOT / "tools"))
from cpp_source import line_of, strip  # noqa: E402


class Strip(unittest.TestCase):
    def test_comments_and_literals_go_code_and_lines_stay(self):
        text = 'int a; // float b\n/* double\n c */ f("float", \'"\', R"x(float)" double)x"); int d = 1\'000;\n'
        stripped = strip(text)
        self.assertNotIn("float", stripped)
        self.assertNotIn("double", stripped)
        self.assertIn("int a;", stripped)
        self.assertIn("int d = 1'000;", stripped)
        self.assertEqual(stripped.count("\n"), text.count("\n"))

    def test_a_quote_in_a_comment_opens_nothing(self):
        self.assertIn("float x;", strip("// it's\nfloat x; // don't\n"))

    def test_include_paths_stay(self):
        self.assertIn('#include "a/b.h"', strip('#include "a/b.h"  // why\n'))

    def test_a_comment_marker_in_a_string_opens_nothing(self):
        self.assertIn("int x;", strip('f("/*"); int x; g("//");\n'))

    def test_lines_count_from_one(self):
        self.assertEqual(line_of("a\nb", 2), 2)


if __name__ == "__main__":
    unittest.main()
