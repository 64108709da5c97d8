import subprocess
import unittest

from support import ToolTest


class Determinism(ToolTest):
    def test_every_rule_catches_its_planted_breach(self):
        code, output = self.run_tool("tools/check_determinism", "--self-test")
        self.assertEqual(code, 0, output)
        self.assertIn(" 0 wrong answers", output)

    def test_a_breach_is_named_with_its_line(self):
        self.write("src/protocol/p.cpp", "int a;\nfloat b;\n")
        self.refuses("src/protocol/p.cpp:2: float: `float`", "tools/check_determinism")

    def test_tests_and_other_folders_are_exempt(self):
        self.write("src/protocol/p_test.cpp", "float b;\n")
        self.write("src/api/p.cpp", "float b;\n")
        self.passes("tools/check_determinism")

    def archive(self, name, code):
        source, built = self.write("x.cpp", code), self.root / "x.o"
        subprocess.run(["g++", "-c", str(source), "-o", str(built)], check=True)
        subprocess.run(["ar", "rcs", str(self.root / name), str(built)], check=True)
        return self.run_tool("tools/check_determinism", "--archives", self.root)

    def test_a_built_library_that_reads_the_clock_is_refused(self):
        code, output = self.archive("libstarminer_protocol_a.a", 'extern "C" long time(long*); long f() { return time(nullptr); }\n')
        self.assertEqual(code, 1)
        self.assertIn("libstarminer_protocol_a.a(x.o) calls time: time", output)

    def test_only_base_may_print_the_words_of_an_assertion(self):
        printing = "#include <cstdio>\nvoid f() { std::fputs(\"last words\", stderr); }\n"
        self.assertEqual(self.archive("libstarminer_base.a", printing)[0], 0)
        self.assertEqual(self.archive("libstarminer_protocol.a", printing)[0], 1)

    def test_without_a_library_there_is_no_proof(self):
        code, output = self.run_tool("tools/check_determinism", "--archives", self.root)
        self.assertEqual(code, 1)
        self.assertIn("build first", output)


if __name__ == "__main__":
    unittest.main()
