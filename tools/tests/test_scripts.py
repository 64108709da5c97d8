"""The shell scripts, with fakes in place of the package manager."""

import re
import subprocess
import unittest

from support import ROOT, ToolTest


class Install(ToolTest):
    def setUp(self):
        super().setUp()
        self.calls = self.root / "calls"
        self.calls.write_text("")
        self.fake("apt-get", f'echo "apt-get $*" >> {self.calls}\n')
        self.fake("apt-cache", 'shift 2; for name; do echo "Package: $name"; done\n')
        self.fake("id", "echo 0\n")

    def fake(self, name, script):
        self.write(f"bin/{name}", f"#!/bin/bash\n{script}", executable=True)

    def install(self, *arguments):
        return self.run_tool("tools/install", *arguments, env={"PATH": f"{self.root}/bin:/usr/bin:/bin"})

    def packages(self, group):
        lines = (ROOT / f"tools/packages/{group}.txt").read_text().splitlines()
        return [line.split()[0] for line in lines if not line.startswith("#")]

    def fake_installed(self, names):
        # dpkg-query answers for the packages it knows and ends with 1 when one is unknown.
        self.fake("dpkg-query", "".join(f"echo '{name} installed'\n" for name in names) + "exit 1\n")

    def test_nothing_is_called_when_nothing_is_missing(self):
        self.fake_installed(self.packages("run"))
        code, output = self.install("run")
        self.assertEqual(code, 0, output)
        self.assertIn(f"all {len(self.packages('run'))} are installed", output)
        self.assertEqual(self.calls.read_text(), "")

    def test_only_the_missing_are_installed_and_the_reason_is_said(self):
        self.fake_installed([name for name in self.packages("run") if name != "bubblewrap"])
        code, output = self.install("run")
        self.assertEqual(code, 0, output)
        self.assertRegex(output, r"bubblewrap +the sandbox around every job")
        self.assertRegex(self.calls.read_text(), r"update\n.*install -y --no-install-recommends bubblewrap\n$")

    def test_a_removed_package_that_left_its_configuration_is_missing(self):
        names = self.packages("run")
        self.fake("dpkg-query", "echo 'bubblewrap config-files'\n" + "".join(
            f"echo '{name} installed'\n" for name in names if name != "bubblewrap"))
        code, output = self.install("--dry-run", "run")
        self.assertEqual(code, 1, output)
        self.assertIn(f"1 of {len(names)} are missing", output)
        self.assertEqual(self.calls.read_text(), "")

    def test_a_failure_of_the_package_manager_is_a_failure(self):
        self.fake_installed([])
        self.fake("apt-get", 'case "$*" in *install*) exit 100;; esac\n')
        code, output = self.install("run")
        self.assertEqual(code, 1)
        self.assertIn("apt-get could not install them", output)

    def test_a_package_that_no_source_offers_is_named(self):
        self.fake_installed([])
        self.fake("apt-cache", 'shift 2; for name; do [[ $name == bubblewrap ]] || echo "Package: $name"; done; exit 100\n')
        code, output = self.install("run")
        self.assertEqual(code, 1)
        self.assertIn("no package source of this system offers: bubblewrap\n", output)

    def test_who_is_not_root_goes_through_sudo(self):
        self.fake_installed([])
        self.fake("id", "echo 1000\n")
        self.fake("sudo", f'echo "sudo $*" >> {self.calls}\n')
        code, output = self.install("run")
        self.assertEqual(code, 0, output)
        self.assertIn("sudo env DEBIAN_FRONTEND=noninteractive apt-get", self.calls.read_text())

    def test_an_unknown_group_is_refused(self):
        self.assertEqual(self.install("../packages/run")[0], 2)
        code, output = self.install("nonsense")
        self.assertEqual(code, 2)
        self.assertIn('unknown argument "nonsense"', output)

    def test_every_list_says_a_reason_and_names_a_package_once(self):
        seen = []
        for path in sorted((ROOT / "tools/packages").glob("*.txt")):
            for line in path.read_text().splitlines():
                if not line.startswith("#"):
                    self.assertRegex(line, r"^[a-z0-9.+-]+ +\S.*$", path.name)
                    seen.append(line.split()[0])
        self.assertEqual(len(seen), len(set(seen)))


class Check(ToolTest):
    def test_wrong_usage_is_said(self):
        for arguments in (["--nonsense"], ["--jobs", "many"], ["--jobs"], ["--jobs=0"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.run_tool("check", *arguments)[0], 2)

    def test_help(self):
        code, output = self.run_tool("check", "--help")
        self.assertEqual(code, 0)
        self.assertIn("--long", output)

    def test_a_failing_stage_is_counted_shown_and_does_not_stop_the_rest(self):
        text = (ROOT / "check").read_text()
        head = text[:text.index("# Address errors and undefined")]
        stages = ("ctest_like() { echo '50% tests passed, 1 tests failed out of 2'; return 8; }\n"
                  "broken() { echo some words; return 3; }\n"
                  "stage one 'first' true\nstage two 'second' broken\nstage three 'third' ctest_like\n")
        tail = text[text.index("\n[[ ${#summary[@]}"):]
        script = self.write("check", head + stages + tail, executable=True)
        done = subprocess.run([str(script), "--no-install"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertTrue(done.stdout.endswith("\n2 passed, 2 failed\n"), done.stdout)
        self.assertIn("| some words", done.stdout)
        self.assertTrue(re.search(r"ok   first", done.stdout))
        self.assertIn("failed: second (build/check/two.log)", done.stdout)
        self.assertTrue((self.root / "build/check/three.log").exists())


if __name__ == "__main__":
    unittest.main()
