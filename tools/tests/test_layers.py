import unittest

from support import ROOT, ToolTest

TABLE = """exceptions = []
[layers]
base = []
"market/order" = ["base"]
market = ["base", "market/order"]
node = ["base", "market"]
[test_layers]
base = ["market"]
"""
CMAKE = """starminer_module(base LIBS fmt::fmt TEST_DEPS market)
starminer_module(market/order DEPS base)  # why
starminer_module(market DEPS base market/order)
starminer_module(node DEPS base market)
starminer_program(noded DIR node DEPS node market)
"""


class Layers(ToolTest):
    def setUp(self):
        super().setUp()
        self.write("tools/layers.toml", TABLE)
        self.write("src/CMakeLists.txt", CMAKE)
        self.write("src/base/a.h", "#pragma once\n#include <map>\n")
        self.write("src/market/order/o.h", '#include "base/a.h"\n')
        self.write("src/market/m.h", '#include "market/order/o.h"\n')
        self.write("src/node/main.cpp", '#include "market/m.h"\n#include "market/order/o.h"\n')

    def test_a_sound_tree_passes(self):
        self.assertIn("4 folders, exceptions 0, 0 violations", self.passes("tools/check_layers"))

    def test_an_upward_include_is_refused_with_its_line(self):
        self.write("src/base/b.h", '\n#include "market/m.h"\n')
        self.refuses('src/base/b.h:2: #include "market/m.h": base may not include market', "tools/check_layers")

    def test_a_test_may_include_what_its_row_adds(self):
        self.write("src/base/b_test.cpp", '#include "market/m.h"\n')
        self.passes("tools/check_layers")

    def test_an_include_in_a_comment_is_none(self):
        self.write("src/base/b.h", '// #include "market/m.h"\n')
        self.passes("tools/check_layers")

    def test_a_relative_include_is_refused(self):
        self.write("src/market/n.h", '#include "m.h"\n')
        self.refuses("no such file under src/", "tools/check_layers")

    def test_a_folder_without_a_row_is_refused(self):
        self.write("src/extra/e.h", "\n")
        self.refuses("src/extra/e.h: its folder has no row", "tools/check_layers")

    def test_a_folder_inside_a_module_is_of_its_layer(self):
        self.write("src/base/probe/main.cpp", '#include "base/a.h"\n')
        self.passes("tools/check_layers")
        self.write("src/base/probe/main.cpp", '#include "market/m.h"\n')
        self.refuses("base may not include market", "tools/check_layers")

    def test_a_cycle_is_refused(self):
        self.write("tools/layers.toml", TABLE.replace('"market/order" = ["base"]', '"market/order" = ["base", "market"]'))
        self.refuses("market/order names market, which stands below it", "tools/check_layers")

    def test_exceptions_are_refused(self):
        self.write("tools/layers.toml", TABLE.replace("exceptions = []", 'exceptions = ["src/base/b.h"]'))
        self.refuses("exceptions must be there and empty", "tools/check_layers")

    def test_links_must_equal_the_table(self):
        self.write("src/CMakeLists.txt", CMAKE.replace("node DEPS base market)", "node DEPS base)"))
        self.refuses("module node: market is in its DEPS only in tools/layers.toml", "tools/check_layers")
        self.write("src/CMakeLists.txt", CMAKE.replace("order DEPS base)", "order DEPS base market)"))
        self.refuses("module market/order: market is in its DEPS only in src/CMakeLists.txt", "tools/check_layers")

    def test_a_program_links_no_more_than_its_folder_may(self):
        self.write("src/CMakeLists.txt", CMAKE.replace("node market)", "node market storage)"))
        self.refuses("program noded links storage", "tools/check_layers")

    def test_the_graph_has_every_edge(self):
        self.assertIn('"node" -> "market";', self.passes("tools/check_layers", "--dot"))

    def test_what_a_row_names_in_vain_is_printed(self):
        self.write("src/market/order/o.h", "#pragma once\n")
        self.assertEqual(self.passes("tools/check_layers", "--unused").splitlines(),
                         ["market/order names base and includes nothing of it", "market names base and includes nothing of it",
                          "node names base and includes nothing of it"])

    def test_the_real_table_has_no_exceptions(self):
        self.assertIn("exceptions = []", (ROOT / "tools/layers.toml").read_text())


if __name__ == "__main__":
    unittest.main()
