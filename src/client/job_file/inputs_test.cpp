#include "client/job_file/inputs.h"

#include <stdlib.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "client/job_file/paths.h"

namespace starminer::client::job_file {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class InputsTest : public ::testing::Test {
 protected:
  InputsTest() {
    char pattern[] = "/tmp/inputs_test_XXXXXX";
    top_ = mkdtemp(pattern);
    folder_ = top_ / "job";
    write("train.py", "code");
    write("data/a.txt", "a");
    write("data/b.txt", "bb");
    write("data/deep/c.txt", "ccc");
    write("data/d.bin", "d");
    std::ofstream(top_ / "secret") << "secret";
  }
  ~InputsTest() override { fs::remove_all(top_); }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }

  std::vector<std::string> found(std::vector<InputSpec> inputs) {
    JobFile job;
    job.inputs = std::move(inputs);
    const auto files = find_inputs(job, folder_);
    std::vector<std::string> paths;
    if (!files) {
      for (const Problem& problem : files.error()) paths.push_back(problem.to_line());
    } else {
      for (const InputFile& file : *files) paths.push_back(file.path);
    }
    return paths;
  }

  fs::path top_;
  fs::path folder_;
};

TEST_F(InputsTest, FilesFoldersAndGlobs) {
  EXPECT_THAT(found({{"train.py", ""}}), ElementsAre("train.py"));
  EXPECT_THAT(found({{"train.py", "main.py"}}), ElementsAre("main.py"));
  EXPECT_THAT(found({{"train.py", "src/"}}), ElementsAre("src/train.py"));
  EXPECT_THAT(found({{"data", ""}}), ElementsAre("data/a.txt", "data/b.txt", "data/d.bin", "data/deep/c.txt"));
  EXPECT_THAT(found({{"data/", "in/"}}), ElementsAre("in/a.txt", "in/b.txt", "in/d.bin", "in/deep/c.txt"));
  EXPECT_THAT(found({{"data/*.txt", ""}}), ElementsAre("data/a.txt", "data/b.txt"));
  EXPECT_THAT(found({{"data/*.txt", "t/"}}), ElementsAre("t/a.txt", "t/b.txt"));
  EXPECT_THAT(found({{"**/*.txt", ""}}), ElementsAre("data/a.txt", "data/b.txt", "data/deep/c.txt"));
  EXPECT_THAT(found({{"*.py", ""}, {"train.py", ""}}), ElementsAre("train.py")) << "the same file twice is one file";
}

TEST_F(InputsTest, WhatCannotBeSent) {
  EXPECT_THAT(found({{"gone.py", ""}, {"*.md", ""}, {"nowhere/*.x", ""}}),
              ElementsAre("inputs[0]: gone.py does not exist", "inputs[1]: *.md matches no file",
                          "inputs[2]: nowhere does not exist"));
  EXPECT_THAT(found({{"train.py/", ""}}), ElementsAre("inputs[0]: train.py is no folder"));
  fs::create_directory(folder_ / "empty");
  EXPECT_THAT(found({{"empty", ""}}), ElementsAre("inputs[0]: empty is an empty folder"));
  EXPECT_THAT(found({{"data/a.txt", "x"}, {"data/b.txt", "x"}}), ElementsAre(HasSubstr("would both become /job/in/x")));
  EXPECT_THAT(found({{"data/a.txt", "x"}, {"data/b.txt", "x/y"}}), ElementsAre(HasSubstr("which is a file")));
  fs::create_symlink("/dev/null", folder_ / "device");
  EXPECT_THAT(found({{"device", ""}}), ElementsAre(HasSubstr("leads out")));
}

TEST_F(InputsTest, NoLinkLeadsOut) {
  fs::create_symlink(top_ / "secret", folder_ / "link");
  fs::create_directory_symlink(top_, folder_ / "up");
  fs::create_symlink("../../secret", folder_ / "data" / "link.txt");
  fs::create_symlink("train.py", folder_ / "inner");
  fs::create_symlink("missing", folder_ / "dangling");
  for (const InputSpec& spec : {InputSpec{"link", ""}, InputSpec{"up/secret", ""}, InputSpec{"up", ""},
                                InputSpec{"data/*.txt", ""}, InputSpec{"data", ""}, InputSpec{"up/*", ""}}) {
    EXPECT_THAT(found({spec}), ElementsAre(HasSubstr("leads out of the folder of the job file by a link")))
        << spec.from;
  }
  EXPECT_THAT(found({{"inner", ""}}), ElementsAre("inner")) << "a link that stays inside is fine";
  EXPECT_THAT(found({{"dangling", ""}}), ElementsAre(HasSubstr("does not exist")));
}

TEST_F(InputsTest, TooManyFilesNeedAnArchive) {
  for (int i = 0; i < 65; ++i) write("many/f" + std::to_string(i), "x");
  EXPECT_THAT(found({{"many", ""}}), ElementsAre(HasSubstr("65 files: at most 64; pack them into an archive")));
}

TEST_F(InputsTest, HashesWhatIsThere) {
  JobFile job;
  job.inputs = {{"data/*.txt", ""}};
  const auto files = find_inputs(job, folder_);
  ASSERT_TRUE(files);
  std::uint64_t seen = 0;
  const auto inputs = hash_inputs(*files, [&](std::uint64_t done) { seen = done; });
  ASSERT_TRUE(inputs);
  EXPECT_THAT(*inputs,
              ElementsAre(ManifestInput{"data/a.txt", sha256("a"), 1}, ManifestInput{"data/b.txt", sha256("bb"), 2}));
  EXPECT_EQ(seen, 3U);
  write("data/a.txt", "longer now");
  EXPECT_THAT(hash_inputs(*files).error().text, HasSubstr("changed while it was read"));
  fs::remove(folder_ / "data/a.txt");
  EXPECT_THAT(hash_inputs(*files).error().text, HasSubstr("cannot be opened"));
}

TEST(Paths, FaultsAreNamed) {
  for (const char* good : {"a", "a/b.txt", "..a", "a..b", ".hidden", "Größe/ß", "a b", "-x"})
    EXPECT_EQ(path_fault(good), std::nullopt) << good;
  for (const std::string bad :
       {"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\nb", "a\x1b", "a\xff", "\xc2\x80"}) {
    EXPECT_NE(path_fault(bad), std::nullopt) << bad;
  }
  EXPECT_NE(path_fault(std::string(256, 'a')), std::nullopt);
}

TEST(Paths, Globs) {
  struct GlobRow {
    const char* glob;
    const char* path;
    bool matches;
  };
  const GlobRow rows[] = {{"*.txt", "a.txt", true},
                          {"*.txt", "d/a.txt", false},
                          {"**/*.txt", "a.txt", true},
                          {"**/*.txt", "d/e/a.txt", true},
                          {"d/**", "d/e/f", true},
                          {"d/**", "e/f", false},
                          {"?.txt", "a.txt", true},
                          {"?.txt", "ab.txt", false},
                          {"[a-c].txt", "b.txt", true},
                          {"[!a-c].txt", "b.txt", false},
                          {"[!a-c].txt", "d.txt", true},
                          {"[a.txt", "[a.txt", true},
                          {"a*b*c", "aXbYc", true},
                          {"a*b*c", "aXbY", false},
                          {"", "", true},
                          {"*", "", true},
                          {"frames/*.png", "frames/0001.png", true}};
  for (const GlobRow& row : rows)
    EXPECT_EQ(glob_matches(row.glob, row.path), row.matches) << row.glob << " " << row.path;
  EXPECT_FALSE(glob_matches("*a*a*a*a*a*a*a*a*a*a*b", std::string(255, 'a'))) << "and in bounded time";
}

RC_GTEST_PROP(PathsProperty, APathMatchesItself, ()) {
  const auto path = *rc::gen::container<std::string>(rc::gen::element('a', 'b', '.', '/', '-'));
  RC_ASSERT(glob_matches(path, path));
  RC_ASSERT(glob_matches("**", path));
}

}  // namespace
}  // namespace starminer::client::job_file
