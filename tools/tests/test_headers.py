import json
import unittest

from support import ToolTest


class Headers(ToolTest):
    def setUp(self):
        super().setUp()
        build = self.root / "build/dev"
        build.mkdir(parents=True)
        source = self.root / "src/base/a.cpp"
        command = f"g++ -std=c++20 -Wall -Werror -I{self.root}/src -o a.o -c {source}"
        self.write("build/dev/compile_commands.json",
                   json.dumps([{"directory": str(build), "command": command, "file": str(source)}]))
        self.write("src/base/a.h", "#pragma once\nstruct NotCompiledHere : Unknown {};\n")
        self.write("src/base/a.cpp", '// its own header first\n#include "base/a.h"\n')

    def test_the_first_include_of_a_source_is_proven_by_the_build(self):
        self.assertIn("1; 1 proven by the build, 0 compiled alone", self.passes("tools/check_headers"))

    def test_another_header_is_compiled_alone(self):
        self.write("src/base/b.h", "#pragma once\n#include <map>\nusing M = std::map<int, int>;\n")
        self.assertIn("1 compiled alone, 0 failed", self.passes("tools/check_headers"))

    def test_a_header_that_leans_on_another_is_refused(self):
        self.write("src/base/b.h", "#pragma once\nusing M = std::map<int, int>;\n")
        self.refuses("src/base/b.h: does not compile alone", "tools/check_headers")


if __name__ == "__main__":
    unittest.main()
