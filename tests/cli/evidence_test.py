#!/usr/bin/python3
"""Evidence checked by hand: every flag and every mistake of `starminer evidence`, on the vectors of the project.
REQ: VER-2, VER-3

Usage: evidence_test.py --bin DIR [unittest arguments]
"""

import base64
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors" / "attestation"
ZK = ROOT / "tests" / "vectors" / "zk"
PROGRAMS = pathlib.Path(sys.argv[2]).resolve() if sys.argv[1:2] == ["--bin"] else None
TIME = ["--time", "2025-06-15T00:00:00Z"]
TDX = ["tdx/v4_phala.quote.bin", "tdx/v4_phala.collateral.json"]
TDX_TIME = ["--time", "2025-06-25T00:00:00Z"]
GPU = ["nvidia/hopper_590.report.bin", "nvidia/hopper_590.chain.pem"]
NONCE = ["--nonce", "e97b23a1718095a0e9e35edca810768c70a6a5a389b705e753b197912bc11576"]
TOKEN = "nvidia/nras_eat_hopper_v3.json"
SNP = ["sev-snp/milan_v3_azure.report.bin", "sev-snp/milan_v3_azure.vcek.der"]


class EvidenceTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="starminer-evidence-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def run_cli(self, *arguments, code):
        done = subprocess.run([PROGRAMS / "starminer", "evidence", *map(str, arguments)], cwd=VECTORS, text=True,
                              capture_output=True, env={"LC_ALL": "C.UTF-8", "HOME": str(self.folder)})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def verified(self, *arguments, code):
        return json.loads(self.run_cli("verify", *arguments, "--json", code=code).stdout)

    def steps(self, *arguments, code):
        return {row["step"]: row["passed"] for row in self.verified(*arguments, code=code)["steps"]}

    def fails(self, *arguments, code, says):
        error = self.run_cli(*arguments, code=code).stderr
        self.assertIn("✖ ", error)
        for part in says:
            self.assertIn(part, error)


class VerifyTest(EvidenceTest):
    def test_each_step_is_listed_with_its_reason(self):
        text = self.run_cli("verify", *SNP, *TIME, code=8).stdout
        for part in ("report_signature", "Milan is not accepted", "genuine, but not accepted: product_allowed"):
            self.assertIn(part, text)
        text = self.run_cli("verify", *SNP, *TIME, "--allow", "product_allowed", code=0).stdout
        self.assertIn("genuine and accepted", text)
        self.assertIn("allowed by --allow: Milan is not accepted", text)

    def test_json_has_all_that_was_found(self):
        found = self.verified(*SNP, *TIME, code=8)
        self.assertEqual((found["kind"], found["verdict"], found["accepted"]), ("sev-snp", "valid", False))
        case = next(row for row in json.loads((VECTORS / "cases.json").read_text())["cases"]
                    if row["id"] == "snp-milan-v3-azure")
        for name, value in case["fields"].items():
            self.assertEqual(found["fields"][name], value, name)
        self.assertEqual(found["certificate"]["product_name"], "Milan-B0")
        codes = {row["step"]: row["code"] for row in found["steps"]}
        self.assertEqual(codes["report_signature"], "SNP_SIG")

    def test_files_come_in_any_order_and_form(self):
        allow = ["--allow", "product_allowed"]
        report = (VECTORS / SNP[0]).read_bytes()
        (self.folder / "hex").write_text(report.hex() + "\n")
        (self.folder / "base64").write_bytes(base64.b64encode(report))
        (self.folder / "HEX").write_text(report.hex().upper())
        for form in ("hex", "base64"):
            self.run_cli("verify", SNP[1], self.folder / form, *TIME, *allow, code=0)
        self.fails("verify", self.folder / "HEX", SNP[1], *TIME, code=2, says=["not understood", "lower-case"])
        self.run_cli("verify", *SNP, "roots/amd_milan_ask_ark.pem", *TIME, *allow, code=0)
        self.assertEqual(self.steps(*SNP, "roots/amd_genoa_ask_ark.pem", *TIME, code=8)["cert_chain"], False)

    def test_the_time_decides(self):
        self.assertEqual(self.steps(*SNP, "--time", "2035-01-01T00:00:00Z", code=8)["cert_time"], False)
        self.fails("verify", *SNP, code=2, says=["--time"])
        self.fails("verify", *SNP, "--time", "yesterday", code=2, says=["yesterday", "2025-06-15T00:00:00Z"])

    def test_demands_are_steps(self):
        fields = self.verified(*SNP, *TIME, code=8)["fields"]
        met = ["--report-data", fields["report_data"], "--measurement", "00" * 48, "--measurement", fields["measurement"],
               "--minimum-tcb", "Milan:bootloader=1,snp=2", "--allow", "product_allowed"]
        self.assertTrue(all(self.steps(*SNP, *TIME, *met, code=0)[name]
                            for name in ("report_data_bound", "measurement_allowed", "minimum_tcb")))
        signer = ["--signer", "11" * 48, "--signer", fields["id_key_digest"]]
        self.assertIs(self.steps(*SNP, *TIME, *signer, code=8)["signers_allowed"], True)
        self.assertIs(self.steps(*SNP, *TIME, "--provider", "none", code=8)["provider_allowed"], True)
        self.assertIs(self.steps(*SNP, *TIME, "--deny", "00" * 64, code=8)["chip_allowed"], True)
        for step, demand in (("signers_allowed", ["--signer", "11" * 48]),
                             ("chip_allowed", ["--deny", "00" * 64, "--deny", fields["chip_id"]]),
                             ("report_data_bound", ["--report-data", "00" * 64]),
                             ("measurement_allowed", ["--measurement", "00" * 48]),
                             ("minimum_tcb", ["--minimum-tcb", "Milan:microcode=255"])):
            self.assertIs(self.steps(*SNP, *TIME, *demand, code=8)[step], False)

    def test_wrong_use_is_explained(self):
        for arguments, says in ((["--report-data", "00"], ["64 bytes"]),
                                (["--measurement", "xy"], ["48 bytes"]),
                                (["--minimum-tcb", "Milan"], ["Genoa:bootloader=9"]),
                                (["--minimum-tcb", "Milan:speed=1"], ["Genoa:bootloader=9"]),
                                (["--minimum-tcb", "Milan:snp=256"], ["Genoa:bootloader=9"]),
                                (["--minimum-tcb", "Milan:snp"], ["Genoa:bootloader=9"]),
                                (["--allow", "report_signature"], ["no step that can be allowed", "alias_check"]),
                                (["--roots", self.folder / "none"], ["none"]),
                                (["--roots", self.folder], ["no root of AMD"])):
            self.fails("verify", *SNP, *TIME, *arguments, code=2, says=says)
        self.fails("verify", "missing.bin", *TIME, code=5, says=["missing.bin"])
        self.fails("verify", ".", *TIME, code=2, says=["folder"])
        self.fails("verify", "README.md", *TIME, code=2, says=["README.md is not understood"])
        self.fails("verify", SNP[0], *TIME, code=2, says=["VCEK or VLEK is missing"])
        self.fails("verify", SNP[0], SNP[0], SNP[1], *TIME, code=2, says=["both"])
        (self.folder / "large").write_bytes(bytes(5 << 20))
        self.fails("verify", self.folder / "large", *TIME, code=2, says=["5242880"])

    def test_roots_of_the_caller_take_the_place_of_ours(self):
        shutil.copy(VECTORS / "roots" / "amd_milan_ask_ark.pem", self.folder)
        self.run_cli("verify", *SNP, *TIME, "--roots", self.folder, "--allow", "product_allowed", code=0)
        (self.folder / "amd_milan_ask_ark.pem").unlink()
        shutil.copy(VECTORS / "roots" / "amd_genoa_ask_ark.pem", self.folder)
        chain = "roots/amd_milan_ask_ark.pem"
        self.assertIs(self.steps(*SNP, chain, *TIME, "--roots", self.folder, code=8)["root_is_amd"], False)
        (self.folder / "broken.pem").write_text("no certificate")
        self.fails("verify", *SNP, *TIME, "--roots", self.folder, code=2, says=["broken.pem"])

    def test_an_endorsement_alone_is_judged(self):
        found = self.verified("sev-snp/turin.vcek.der", *TIME, code=8)
        self.assertEqual((found["kind"], found["certificate"]["product_name"]), ("sev-snp-chain", "Turin"))
        self.assertEqual((found["verdict"], found["accepted"]), ("valid", False))
        self.assertIn("genuine, but not accepted: report_given", self.run_cli("verify", "sev-snp/turin.vcek.der", *TIME, code=8).stdout)
        self.run_cli("verify", "sev-snp/turin.vcek.der", *TIME, "--allow", "report_given", code=0)
        self.assertIs(self.steps(SNP[1], *TIME, "--allow", "report_given", code=8)["product_allowed"], False)
        self.fails("verify", "sev-snp/turin.vcek.der", *TIME, "--report-data", "00" * 64, "--allow", "report_given", code=2,
                   says=["--report-data says nothing about this sev-snp-chain evidence"])

    def test_what_is_asked_must_have_a_say(self):
        product = ["--allow", "product_allowed"]
        for arguments, says in ((["--nonce", "00" * 32], ["--nonce says nothing about this sev-snp evidence"]),
                                (["--tcb-status", "OutOfDate"], ["--tcb-status says nothing"]),
                                (["--minimum-tcb", "Turin:snp=1"], ["--minimum-tcb says nothing", "no minimum is set for the product"]),
                                (["--allow", "nonce_given"], ["--allow nonce_given says nothing"]),
                                (["--allow", "report_data_bound"], ["--allow report_data_bound", "no report data is expected"])):
            self.fails("verify", *SNP, *TIME, *product, *arguments, code=2, says=says)
        both = ["--minimum-tcb", "Turin:snp=1", "--minimum-tcb", "Milan:snp=1"]
        self.assertIs(self.steps(*SNP, *TIME, *product, *both, code=0)["minimum_tcb"], True)
        # Of what is not genuine, that is the answer.
        self.run_cli("verify", *SNP, "roots/amd_genoa_ask_ark.pem", *TIME, "--nonce", "00" * 32, code=8)

    def test_what_was_not_compared_is_said(self):
        allow = ["--allow", "product_allowed"]
        fields = self.verified(*SNP, *TIME, code=8)["fields"]
        self.assertIn("genuine and accepted, whatever the measurement and the report data may be",
                      self.run_cli("verify", *SNP, *TIME, *allow, code=0).stdout)
        bound = ["--report-data", fields["report_data"], "--measurement", fields["measurement"]]
        self.assertTrue(self.run_cli("verify", *SNP, *TIME, *allow, *bound, code=0).stdout.endswith("genuine and accepted\n"))


class QuoteTest(EvidenceTest):
    """Quotes of SGX and TDX."""

    def test_a_quote_is_judged_under_its_collateral(self):
        found = self.verified(*TDX, *TDX_TIME, code=0)
        self.assertEqual((found["kind"], found["verdict"], found["tcb_status"]), ("tdx-quote", "valid", "UpToDate"))
        self.assertEqual(found["fields"]["fmspc"], "b0c06f000000")
        self.assertIn("genuine and accepted", self.run_cli("verify", *reversed(TDX), *TDX_TIME, code=0).stdout)
        late = self.steps(*TDX, "--time", "2025-08-01T00:00:00Z", code=8)
        self.assertEqual((late["collateral_time"], late["crl_time"], late["pck_time"]), (False, False, True))

    def test_documents_of_the_service_and_lists(self):
        files = ["tdx/v4_spr_google.quote.bin", "tdx/tcbinfo_50806f000000_2023-06.json", "tdx/qeidentity_2023-06.json",
                 "tdx/pck_platform_crl_2023-06.der", "tdx/root_crl_2023-04.der"]
        found = self.verified(*files, "--time", "2023-07-01T00:00:00Z", code=8)
        self.assertEqual((found["verdict"], found["tcb_status"]), ("valid", "error: no level"))
        steps = {row["step"]: row["passed"] for row in found["steps"]}
        self.assertEqual((steps["crl_signature"], steps["crls_given"], steps["trailing_bytes_zero"], steps["tcb_level_found"],
                          steps["tcb_status"]), (True, True, False, False, None))
        # That Intel says nothing of the platform is no status to put up with.
        waived = ["--allow", "trailing_bytes_zero", "--allow", "sept_ve_disabled", "--allow", "no_debug"]
        self.verified(*files, "--time", "2023-07-01T00:00:00Z", *waived, "--tcb-status", "OutOfDate", code=8)
        self.fails("verify", *files, "--time", "2023-07-01T00:00:00Z", "--allow", "tcb_level_found", code=2, says=["no step that can be"])
        self.fails("verify", *files, "--time", "2023-07-01T00:00:00Z", "--allow", "tcb_status", code=2, says=["there is no status"])
        without = self.steps(*files[:3], "--time", "2023-07-01T00:00:00Z", code=8)
        self.assertIs(without["crls_given"], False)

    def test_a_certificate_from_outside_and_a_signer(self):
        folder = "sgx/intel_sample/"
        files = [folder + name for name in ("quote.dat", "pckCert.pem", "pckSignChain.pem", "tcbInfo.json", "qeIdentity.json",
                                            "tcbSignChain.pem", "rootCaCrl.der", "intermediateCaCrl.der")]
        steps = self.steps(*files, "--time", "2021-01-01T00:00:00Z", code=8)
        self.assertEqual((steps["pck_chain"], steps["root_is_intel"]), (True, False))
        shutil.copy(VECTORS / folder / "trustedRootCaCert.pem", self.folder)
        steps = self.steps(*files, "--time", "2021-01-01T00:00:00Z", "--roots", self.folder, code=0)
        self.assertEqual((steps["root_is_intel"], steps["tcb_signing_chain"], steps["crl_signature"]), (True, True, True))

    def test_statuses_and_measurements_are_demands(self):
        sgx = ["sgx/v3_phala.quote.bin", "sgx/v3_phala.collateral.json", *TDX_TIME]
        self.assertIs(self.steps(*sgx, code=8)["tcb_status"], False)
        fields = self.verified(*sgx, "--tcb-status", "ConfigurationAndSWHardeningNeeded", code=0)["fields"]
        met = ["--allow", "tcb_status", "--measurement", fields["mr_enclave"], "--report-data", fields["report_data"]]
        self.run_cli("verify", *sgx, *met, code=0)
        self.assertIs(self.steps(*sgx, "--measurement", "00" * 32, code=8)["measurement_allowed"], False)
        # A step of one name is waived in every kind of evidence that has it.
        self.run_cli("verify", *sgx, "--allow", "tcb_status", "--report-data", "00" * 64, "--allow", "report_data_bound", code=0)
        self.fails("verify", *sgx, "--tcb-status", "Fine", code=2, says=["Fine", "SWHardeningNeeded"])

    def test_registers_and_editions_are_demands(self):
        fields = self.verified(*TDX, *TDX_TIME, code=0)["fields"]
        firmware = ["--measurement", fields["mr_td"]]
        self.assertIsNone(self.steps(*TDX, *TDX_TIME, *firmware, code=0)["registers_compared"])
        text = self.run_cli("verify", *TDX, *TDX_TIME, *firmware, code=0).stdout
        self.assertIn("only the firmware (MRTD) was compared", text)
        self.assertIn("whatever the registers and the report data may be", text)
        registers = ["--rtmr", "1=" + fields["rtmr"][1], "--rtmr", "2=" + fields["rtmr"][2]]
        self.assertIs(self.steps(*TDX, *TDX_TIME, *firmware, *registers, code=0)["registers_compared"], True)
        other = self.steps(*TDX, *TDX_TIME, *firmware, "--rtmr", "1=" + "00" * 48, code=8)
        self.assertIs(other["measurement_allowed"], False)
        self.assertIs(self.steps(*TDX, *TDX_TIME, "--minimum-evaluation", "1", code=0)["minimum_tcb_evaluation"], True)
        self.assertIs(self.steps(*TDX, *TDX_TIME, "--minimum-evaluation", "1000", code=8)["minimum_tcb_evaluation"], False)
        self.assertIs(self.steps(*TDX, *TDX_TIME, "--collateral-after", "2025-01-01T00:00:00Z", code=0)["collateral_recent"], True)
        self.assertIs(self.steps(*TDX, *TDX_TIME, "--collateral-after", "2025-06-24T00:00:00Z", code=8)["collateral_recent"], False)
        self.assertIs(self.steps(*TDX, *TDX_TIME, "--deny", fields["ppid"], code=8)["platform_allowed"], False)
        self.assertIs(self.steps(*TDX, *TDX_TIME, "--deny", "00" * 16, code=0)["platform_allowed"], True)
        for arguments, says in ((registers, ["--rtmr needs a --measurement"]),
                                ([*firmware, "--rtmr", "4=" + "00" * 48], ["1=4f8a"]),
                                ([*firmware, "--rtmr", "1=00"], ["48 bytes"]),
                                (["--minimum-evaluation", "1x"], ["no number"]),
                                (["--collateral-after", "June"], ["no time"]),
                                (["--deny", "XY"], ["lower-case hex"]),
                                (["--signer", "00" * 48], ["--signer says nothing"]),
                                (["--provider", "a"], ["--provider says nothing"])):
            self.fails("verify", *TDX, *TDX_TIME, *arguments, code=2, says=says)

    def test_every_file_has_a_use(self):
        files = ["tdx/v4_spr_google.quote.bin", "tdx/tcbinfo_50806f000000_2023-06.json", "tdx/qeidentity_2023-06.json"]
        lists = ["tdx/pck_platform_crl_2023-06.der", "tdx/root_crl_2023-04.der"]
        time = ["--time", "2023-07-01T00:00:00Z"]
        for order in ([*files, *lists, lists[0]], [*lists, *files, lists[1]]):
            self.fails("verify", *order, *time, code=2, says=["are both lists of"])
        for extra in (files[1], files[2], lists[0], "roots/intel_tcb_signing_chain.pem"):
            self.fails("verify", *TDX, extra, *TDX_TIME, code=2, says=[extra, TDX[1], "are both collateral"])
        self.fails("verify", *files, "roots/intel_tcb_signing_chain.pem", "sgx/intel_sample/tcbSignChain.pem", *time, code=2,
                   says=["certificates of one signer"])
        self.fails("verify", *files, "sgx/intel_sample/pckCert.pem", *time, code=2, says=["the quote carries the certificates"])
        # Lists of two authorities: that of the platform counts, whatever the order.
        issuer = self.verified(*files, *lists, *time, code=8)["fields"]["pck_issuer"]
        self.assertEqual(issuer, "Intel SGX PCK Platform CA")
        sample = "sgx/intel_sample/intermediateCaCrl.der"
        for order in ([*lists, sample], [sample, *lists]):
            self.fails("verify", *files, *order, *time, code=2, says=[sample, "another authority"])
        self.assertIs(self.steps(*files, sample, lists[1], *time, code=8)["crl_issuer_matches"], False)
        for extra in (lists[0], files[1], TDX[1]):
            self.fails("verify", *SNP, extra, *TIME, code=2, says=[extra + " says nothing about " + SNP[0]])
            self.fails("verify", *GPU, extra, *NONCE, *TIME, code=2, says=[extra + " says nothing about " + GPU[0]])
        (self.folder / "keys.json").write_text('{"keys":[]}')
        keys = self.folder / "keys.json"
        self.fails("verify", *SNP, keys, *TIME, code=2, says=["keys.json says nothing about"])
        self.fails("verify", *TDX, keys, *TDX_TIME, code=2, says=["keys.json says nothing about"])
        self.fails("verify", TOKEN, GPU[1], *TIME, code=2, says=[GPU[1] + " says nothing about"])
        self.fails("verify", "nvidia/hopper_590.evidence.json", GPU[1], *NONCE, *TIME, code=2, says=[GPU[1] + " says nothing"])
        roots = "roots/amd_milan_ask_ark.pem"
        self.fails("verify", *SNP, roots, roots, *TIME, code=2, says=["are both"])
        self.fails("verify", *SNP, "sev-snp/milan_v2.vcek.der", *TIME, code=2, says=["are both endorsements"])

    def test_wrong_use_is_explained(self):
        self.fails("verify", TDX[0], *TDX_TIME, code=2, says=["TCB info or the QE identity", "missing"])
        (self.folder / "c.json").write_text('{"tcb_info":"{}"}')
        self.fails("verify", TDX[0], self.folder / "c.json", *TDX_TIME, code=2, says=["c.json is no collateral"])
        (self.folder / "t.json").write_text('{"tcbInfo":{}, "signature":""}')
        self.fails("verify", TDX[0], self.folder / "t.json", *TDX_TIME, code=2, says=["t.json is not as Intel's service"])
        self.fails("verify", *TDX, TDX[1], *TDX_TIME, code=2, says=["both collateral"])
        self.fails("verify", *TDX, *SNP, *TDX_TIME, code=2, says=["two kinds"])


class GpuTest(EvidenceTest):
    """Reports of NVIDIA devices and tokens of NVIDIA's service."""

    def test_a_report_answers_a_nonce(self):
        found = self.verified(*GPU, *NONCE, *TIME, code=0)
        self.assertEqual((found["kind"], found["verdict"], found["accepted"]), ("nvidia-spdm", "valid", True))
        self.assertEqual(found["fields"]["driver_version"], "590.12")
        self.assertIs(self.steps(*GPU, *TIME, code=8)["nonce_given"], False)
        self.assertIs(self.steps(*GPU, "--nonce", "00" * 32, *TIME, code=8)["nonce_equals_expected"], False)
        self.run_cli("verify", *GPU, *TIME, "--allow", "nonce_given", code=0)
        for serial in (found["certificate"]["serial"], found["certificate"]["chip_serial"]):
            self.assertIs(self.steps(*GPU, *NONCE, *TIME, "--deny", serial, code=8)["device_allowed"], False)
        for arguments in (["--measurement", "00" * 48], ["--report-data", "00" * 64]):
            self.fails("verify", *GPU, *NONCE, *TIME, *arguments, code=2, says=[arguments[0] + " says nothing"])

    def test_measurements_are_those_of_manifests(self):
        vbios = "nvidia/vbios_96005E0001.rim.xml"
        found = self.verified(vbios, "--time", "2024-06-01T00:00:00Z", code=0)
        self.assertEqual((found["kind"], found["fields"]["version"], found["fields"]["active"]),
                         ("nvidia-rim", "96.00.5E.00.01", 12))
        self.assertIs(self.steps(vbios, *TIME, "--roots", "roots", code=0)["manifest_time"], True)
        self.assertIs(self.steps(vbios, "--time", "2025-09-01T00:00:00Z", code=8)["manifest_time"], False)
        device = ["nvidia/hopper_535.report.bin", "nvidia/hopper_535.chain.pem", "--time", "2024-06-01T00:00:00Z",
                  "--nonce", "27a328247bf7935c993341cf587be6f05986ccce4fe7ba2c54100bd616a58f66", "--allow", "fwid_present"]
        self.assertIsNone(self.steps(*device, code=0)["measurements_match"])
        # The VBIOS alone says nothing of the driver's firmware; a manifest of another driver not either.
        for manifests, why in (([vbios], "there is no manifest of the driver 535.86.09"),
                               ([vbios, "nvidia/driver_550.144.03.rim.xml"], "a manifest is of version 550.144.03, the device has driver"),
                               ([vbios, vbios], "there is no manifest of the driver")):
            rows = [row for row in self.verified(*device, *manifests, code=8)["steps"] if row["step"] == "measurements_match"]
            self.assertEqual([row["passed"] for row in rows], [False])
            self.assertIn(why, rows[0]["reason"])
        # Which of two manifests a step is about, it says.
        text = self.run_cli("verify", *device[:2], "--time", "2025-09-01T00:00:00Z", vbios, "nvidia/driver_550.144.03.rim.xml", code=8)
        self.assertIn(vbios + ": ", text.stdout)
        self.fails("verify", *SNP, vbios, *TIME, code=2, says=["manifest of measurements"])

    def test_the_form_that_drivers_hand_over(self):
        self.run_cli("verify", "nvidia/hopper_590.evidence.json", *NONCE, *TIME, code=0)
        text = (VECTORS / "nvidia/hopper_590.evidence.json").read_text()
        (self.folder / "bad.json").write_text(text.replace('"certificate": "L', '"certificate": "!'))
        self.fails("verify", self.folder / "bad.json", *TIME, code=2, says=["bad.json is no list of one device"])

    def test_a_token_without_its_key_is_unverifiable(self):
        during = ["--time", "2025-06-11T00:31:00Z"]
        found = self.verified(TOKEN, *during, code=8)
        self.assertEqual((found["verdict"], found["accepted"]), ("UNVERIFIABLE", False))
        self.assertIn("UNVERIFIABLE: what it takes", self.run_cli("verify", TOKEN, *during, code=8).stdout)
        self.assertIs(self.steps(TOKEN, "--time", "2026-06-11T00:31:00Z", code=8)["token_time"], False)
        steps = {row["step"]: row["passed"] for row in found["steps"]}
        self.assertEqual((steps["nonce_given"], steps["token_issuer"], steps["submods_agree"], steps["devices_are_gpus"]),
                         (False, True, True, True))
        self.assertIs(self.steps(TOKEN, *during, "--nonce", "93" * 32, code=8)["token_nonce_equals_expected"], False)
        kid = found["fields"]["header"]["kid"]
        coordinate = base64.urlsafe_b64encode(bytes(48)).decode()
        key = {"kty": "EC", "crv": "P-384", "kid": kid, "x": coordinate, "y": coordinate}
        (self.folder / "keys.json").write_text(json.dumps({"keys": [key]}))
        self.assertIs(self.steps(TOKEN, self.folder / "keys.json", *during, code=8)["token_signature"], False)
        (self.folder / "keys.json").write_text(json.dumps({"keys": [{**key, "crv": "P-256"}]}))
        self.fails("verify", TOKEN, self.folder / "keys.json", *during, code=2, says=["keys.json is no set of P-384"])

    def test_wrong_use_is_explained(self):
        self.fails("verify", GPU[0], *TIME, code=2, says=["chain of the device is missing"])
        self.fails("verify", *GPU, *TIME, "--nonce", "12", code=2, says=["32 bytes"])
        self.fails("verify", *GPU, TOKEN, *TIME, code=2, says=["two kinds"])


class ProofTest(EvidenceTest):
    """Groth16 proofs and receipts of zkVMs."""

    MULTIPLIER = [ZK / "groth16/multiplier2_bn254" / name for name in ("verification_key.json", "public.json", "proof.json")]
    RISC0 = [ZK / "risc0/verification_key.json", ZK / "risc0/v3.0.receipt.json"]
    SP1 = [ZK / "sp1/v4.0.0-rc.3.verification_key.json", ZK / "sp1/v4.0.0-rc.3.receipt.json"]

    def changed(self, path, **members):
        (self.folder / path.name).write_text(json.dumps({**json.loads(path.read_text()), **members}))
        return self.folder / path.name

    def test_a_proof_needs_no_time_and_comes_in_any_order(self):
        found = self.verified(*self.MULTIPLIER, code=0)
        self.assertEqual((found["kind"], found["verdict"], found["accepted"], found["time"]),
                         ("groth16-bn254", "valid", True, ""))
        self.assertEqual(found["fields"]["signals"], ["33"])
        codes = {row["step"]: row["code"] for row in found["steps"]}
        self.assertEqual((codes["pairing_equation"], codes["key_sound"]), ("ZK_EQUATION", "ZK_KEY_SOUND"))
        self.assertEqual(self.verified(*reversed(self.MULTIPLIER), *TIME, code=0)["steps"], found["steps"])
        text = self.run_cli("verify", *self.MULTIPLIER, code=0).stdout
        self.assertTrue(text.startswith("groth16-bn254 evidence\n"), text)
        self.assertIn("genuine and accepted, whatever the program may be", text)
        text = self.run_cli("verify", *self.MULTIPLIER, "--program", found["fields"]["key"], code=0).stdout
        self.assertTrue(text.endswith("genuine and accepted\n"), text)
        self.fails("verify", *self.MULTIPLIER, "--nonce", "00" * 32, code=2, says=["--nonce says nothing about this groth16"])
        self.fails("verify", *SNP, code=2, says=["--time"])

    def test_words_and_hex_are_the_same_proof(self):
        def word(text):
            return int(text).to_bytes(32, "big")

        def g1(point):
            return word(point[0]) + word(point[1])

        def g2(point):
            return b"".join(word(point[i][k]) for i in (0, 1) for k in (1, 0))
        key, signals, proof = (json.loads(path.read_text()) for path in self.MULTIPLIER)
        words = b"SMZKKEY1" + g1(key["vk_alpha_1"]) + g2(key["vk_beta_2"]) + g2(key["vk_gamma_2"]) + g2(key["vk_delta_2"])
        (self.folder / "key").write_bytes(words + b"".join(g1(point) for point in key["IC"]))
        calldata = g1(proof["pi_a"]) + g2(proof["pi_b"]) + g1(proof["pi_c"]) + b"".join(map(word, signals))
        (self.folder / "proof").write_bytes(calldata)
        (self.folder / "hex").write_text("0x" + calldata.hex() + "\n")
        fields = self.verified(*self.MULTIPLIER, code=0)["fields"]
        for name in ("proof", "hex"):
            self.assertEqual(self.verified(self.folder / "key", self.folder / name, code=0)["fields"], fields)
        (self.folder / "proof").write_bytes(calldata[:-1])
        self.assertIs(self.steps(self.folder / "key", self.folder / "proof", code=8)["proof_form"], False)

    def test_what_is_wrong_is_a_step(self):
        key, public, proof = self.MULTIPLIER
        (self.folder / "public.json").write_text('["34"]')
        self.assertIs(self.steps(key, self.folder / "public.json", proof, code=8)["pairing_equation"], False)
        (self.folder / "public.json").write_text('["0x21"]')
        self.assertIs(self.steps(key, self.folder / "public.json", proof, code=8)["signals"], False)
        self.assertIs(self.steps(key, proof, code=8)["signals"], False)
        text = json.loads(key.read_text())
        same = self.changed(key, vk_delta_2=text["vk_gamma_2"])
        found = self.verified(same, public, proof, code=8)
        self.assertEqual(found["verdict"], "invalid")
        reasons = {row["step"]: row["reason"] for row in found["steps"]}
        self.assertEqual(reasons["key_sound"], "gamma = delta: anybody can forge a proof of any signals")

    def test_a_receipt_is_of_a_program_and_a_known_release(self):
        found = self.verified(*self.RISC0, code=0)
        self.assertEqual(found["fields"]["release"], "RISC Zero 3.0")
        self.assertEqual(bytes.fromhex(found["fields"]["journal"]), b"just a simple receipt")
        program = ["--program", found["fields"]["image_id"]]
        self.assertIs(self.steps(*self.RISC0, *program, code=0)["program_expected"], True)
        self.assertIs(self.steps(*self.RISC0, "--program", "00" * 32, code=8)["program_expected"], False)
        self.run_cli("verify", *self.RISC0, "--program", "00" * 32, "--allow", "program_expected", code=0)
        other = self.changed(self.RISC0[1], journal="0x00")
        self.assertIs(self.steps(self.RISC0[0], other, code=8)["pairing_equation"], False)
        other = self.changed(self.RISC0[1], control_root="0x" + "11" * 32)
        steps = self.steps(self.RISC0[0], other, code=8)
        self.assertEqual((steps["release_known"], steps["selector"]), (False, False))
        sp1 = self.verified(*self.SP1, code=0)["fields"]
        self.assertEqual((sp1["release"], len(sp1["signals"])), ("SP1 v4.0.0-rc.3", 2))

    def test_other_systems_are_unsupported(self):
        folder = ZK / "plonk/multiplier2_bn254"
        files = [folder / name for name in ("verification_key.json", "public.json", "proof.json")]
        found = self.verified(*files, code=8)
        self.assertEqual((found["kind"], found["verdict"]), ("plonk-bn254", "UNSUPPORTED"))
        self.assertIn("UNSUPPORTED: the protocol does not accept", self.run_cli("verify", *files, code=8).stdout)

    def test_wrong_use_is_explained(self):
        key, public, proof = self.MULTIPLIER
        self.fails("verify", public, proof, code=2, says=["verifying key is missing"])
        self.fails("verify", key, public, code=2, says=["proof is missing"])
        self.fails("verify", key, key, proof, code=2, says=["both of one kind"])
        self.fails("verify", key, public, public, proof, code=2, says=["both of one kind"])
        self.fails("verify", key, *self.RISC0[1:], self.SP1[1], code=2, says=["both of one kind"])
        self.fails("verify", key, public, proof, VECTORS / "README.md", code=2, says=["both of one kind"])
        self.fails("verify", *self.MULTIPLIER, "--program", "12", code=2, says=["32 bytes"])
        self.fails("verify", *self.MULTIPLIER, "--time", "yesterday", code=2, says=["yesterday"])

    def test_lists_of_proofs_and_calls_are_cases(self):
        def rows(name, code=0):
            return json.loads(self.run_cli("check-cases", name, "--json", code=code).stdout)["cases"]
        for name in ("cases.json", "groth16_negative/multiplier2.json", "groth16_negative/risc0.json",
                     "evm/bn256Add-own.json", "evm/bn256ScalarMul-own.json", "evm/bn256Pairing-own.json",
                     "evm/bn256Pairing-derived.json"):
            self.assertTrue(all(row["agrees"] for row in rows(ZK / name)), name)
        calls = json.loads((ZK / "evm/bn256Pairing-own.json").read_text())
        (self.folder / "bn256Pairing.json").write_text(json.dumps([{**calls[0], "Expected": calls[1]["Expected"]}]))
        row, = rows(self.folder / "bn256Pairing.json", code=8)
        self.assertIn("result", row["differences"][0])
        (self.folder / "p256Verify.json").write_text(json.dumps(calls[:1]))
        self.assertEqual(rows(self.folder / "p256Verify.json")[0]["verdict"], "UNSUPPORTED")
        (self.folder / "bn256Add.json").write_text('[{"Name": "n", "Input": "XY", "Expected": ""}]')
        self.fails("check-cases", self.folder / "bn256Add.json", code=2, says=["lower-case hex"])
        (self.folder / "list.json").write_text('{"entries": [{"id": "a", "vk": null, "proof": {}, "public": []}]}')
        self.fails("check-cases", self.folder / "list.json", code=2, says=["vk_when_null"])
        entry = {"id": "a", "vk": {}, "proof": {}, "public": [], "expect": "valid"}
        (self.folder / "list.json").write_text(json.dumps({"entries": [entry]}))
        self.assertEqual(rows(self.folder / "list.json", code=8)[0]["verdict"], "invalid")


class CheckCasesTest(EvidenceTest):
    def judged(self, *arguments, code):
        return json.loads(self.run_cli("check-cases", *arguments, "--json", code=code).stdout)["cases"]

    def own_cases(self, change=lambda case: None, mutations=None):
        cases = [row for row in json.loads((VECTORS / "cases.json").read_text())["cases"] if row["id"] == "snp-milan-v2"]
        change(cases[0])
        (self.folder / "cases.json").write_text(json.dumps({"cases": cases}))
        if mutations is not None:
            (self.folder / "mutations.json").write_text(json.dumps({"mutations": mutations}))
        return [self.folder / "cases.json", "--files", VECTORS]

    def test_cases_and_mutations_agree(self):
        rows = {row["id"]: row for row in self.judged(VECTORS / "cases.json", code=0)}
        self.assertEqual(set(rows), {row["id"] for row in json.loads((VECTORS / "cases.json").read_text())["cases"]} |
                         {row["id"] for row in json.loads((VECTORS / "mutations.json").read_text())["mutations"]})
        for name, row in rows.items():
            self.assertLessEqual({"id", "verdict", "expected", "agrees", "steps"}, set(row))
            self.assertTrue(row["agrees"], row)
        self.assertIs(rows["snp-swapped-vcek"]["steps"]["report_signature"], False)
        self.assertIn("bytes behind", rows["snp-milan-v2@826"]["reasons"]["unsigned_bytes_zero"])
        self.assertFalse(rows["snp-milan-v2@826"]["accepted"])
        self.assertIn("cases agree", self.run_cli("check-cases", VECTORS / "cases.json", code=0).stdout)

    def test_what_differs_is_named(self):
        def change(case):
            case["cryptography"] = "invalid"
            case["steps"]["cert_time"] = False
            case["steps"]["unheard_of"] = True
            case["fields"]["vmpl"] = 1
            case["strict_production_policy"] = "accept"
            case["tcb_status"] = "UpToDate"
        row, = self.judged(*self.own_cases(change), code=8)
        self.assertFalse(row["agrees"])
        text = " ".join(row["differences"])
        for part in ("expected invalid, found valid", "cert_time is expected to fail", "unheard_of is not judged",
                     "field vmpl is 0, expected 1", "strict policy", "TCB status"):
            self.assertIn(part, text)

    def test_systems_that_the_protocol_does_not_accept_are_unsupported(self):
        (self.folder / "cases.json").write_text(json.dumps({"cases": [
            {"id": "a", "system": "plonk-bn254", "expect": "valid"},
            {"id": "b", "kind": "palm-reading", "cryptography": "valid"}]}))
        rows = self.judged(self.folder / "cases.json", code=0)
        self.assertEqual([(row["verdict"], row["expected"], row["agrees"]) for row in rows],
                         [("UNSUPPORTED", "valid", True)] * 2)

    def test_mutations_alone(self):
        mutation = {"id": "m", "base": "snp-milan-v2", "file": "report", "expect": "invalid", "offset": 80, "xor": "01"}
        self.own_cases(mutations=[mutation])
        rows = self.judged(self.folder / "mutations.json", "--files", VECTORS, code=0)
        self.assertEqual([row["id"] for row in rows], ["snp-milan-v2", "m"])

    def test_folders_that_are_not_of_the_format(self):
        self.fails("check-cases", "nowhere.json", code=5, says=["nowhere.json"])
        for text, says in (("[]", "no JSON object"), ("{}", "cases"), ('{"cases": [{"id": 1}]}', "another type"),
                           ('{"cases": [{"id": "a", "kind": "sev-snp"}]}', "time")):
            (self.folder / "cases.json").write_text(text)
            self.fails("check-cases", self.folder / "cases.json", code=2, says=[says])
        good = {"id": "m", "base": "snp-milan-v2", "file": "report", "expect": "invalid", "offset": 0, "xor": "01"}
        for change, says in (({"base": "none"}, "no case none"), ({"xor": "0"}, "one byte"), ({"offset": 1184}, "no byte 1184")):
            arguments = self.own_cases(mutations=[{**good, **change}])
            self.fails("check-cases", *arguments, code=2, says=[says])

        def lose_file(case):
            case["report"] = "lost.bin"
        (self.folder / "mutations.json").unlink()
        self.fails("check-cases", *self.own_cases(lose_file), code=2, says=["lost.bin"])
        self.fails("check-cases", *self.own_cases(), "--roots", self.folder, code=2, says=["no root"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:])
