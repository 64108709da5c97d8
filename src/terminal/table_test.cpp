#include "terminal/table.h"

#include <sstream>

#include <gtest/gtest.h>

#include "terminal/key_values.h"

namespace starminer::terminal {
namespace {

class TableTest : public ::testing::Test {
 protected:
  Terminal plain() { return {out_, Capabilities{}}; }
  Terminal narrow() { return {out_, Capabilities{.interactive = true, .color = false, .unicode = true, .width = 40}}; }
  std::ostringstream out_;
};

TEST_F(TableTest, AlignsAndNamesUnits) {
  Table table({{"JOB", Align::Left, "", true}, {"STATE"}, {"PRICE", Align::Right, "AGPU/h"}});
  table.add({"j1abc", "Running", "0.4035"});
  table.add({"j1abcdef", "Queued", "12.5000"});
  EXPECT_EQ(table.render(plain()),
            "JOB       STATE    PRICE (AGPU/h)\n"
            "j1abc     Running          0.4035\n"
            "j1abcdef  Queued          12.5000\n");
}

TEST_F(TableTest, CutsTextOnlyOnATerminalAndNeverIds) {
  Table table({{"JOB", Align::Left, "", true}, {"NAME"}});
  const std::string id(24, 'j');
  table.add({Cell(id), "a name that is far too long for a narrow screen"});
  EXPECT_NE(table.render(plain()).find("narrow screen"), std::string::npos);
  EXPECT_EQ(table.render(narrow()), "JOB                       NAME\n" + id + "  a name that i…\n");
}

TEST_F(TableTest, ForeignTextCannotEscape) {
  Table table({{"NAME"}, {"X"}});
  table.add({"\x1b[2Jnode\nfake row", "1"});
  EXPECT_EQ(table.render(plain()), "NAME           X\nnode fake row  1\n");
}

TEST_F(TableTest, PaintedCellsKeepTheirColumns) {
  Table table({{"A"}, {"B"}});
  table.add({Cell("no", Style::Bad), "x"});
  const Terminal color{out_, Capabilities{.interactive = false, .color = true, .unicode = true, .width = 80}};
  EXPECT_EQ(table.render(color), "\x1b[1mA\x1b[0m   \x1b[1mB\x1b[0m\n\x1b[31mno\x1b[0m  x\n");
}

TEST_F(TableTest, MissingCellsAreEmpty) {
  Table table({{"A"}, {"B"}});
  EXPECT_TRUE(table.empty());
  table.add({"1"});
  EXPECT_EQ(table.render(plain()), "A  B\n1\n");
}

TEST_F(TableTest, KeyValuesContinueUnderTheValue) {
  KeyValues block;
  block.add("Price", "0.4035 AGPU per GPU-hour\nnext hour 0.38 - 0.43");
  block.add("Start", "within 4 s");
  block.more("End in 3 min");
  EXPECT_EQ(block.render(plain()),
            " Price      0.4035 AGPU per GPU-hour\n"
            "            next hour 0.38 - 0.43\n"
            " Start      within 4 s\n"
            "            End in 3 min\n");
}

}  // namespace
}  // namespace starminer::terminal
