"""The side of the Python reference implementation: makes what a plan asks for, and says of what others made whether it
verifies.

in_toto_peer.py make PLAN FOLDER
in_toto_peer.py verify PLAN FOLDER
"""

import json
import os
import sys
import tempfile

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from in_toto.models._signer import load_public_key_from_file
from in_toto.models.layout import SUBLAYOUT_LINK_DIR_FORMAT, Layout, Step
from in_toto.models.link import FILENAME_FORMAT, Link
from in_toto.models.metadata import Envelope, Metablock, Metadata
from in_toto.runlib import in_toto_record_start, in_toto_record_stop, in_toto_run
from in_toto.verifylib import in_toto_verify
from securesystemslib.signer import CryptoSigner, SSlibKey


class Peer:
    def __init__(self, plan):
        self.keys_folder = os.path.join(os.path.dirname(plan), "keys")
        with open(plan, encoding="utf-8") as file:
            self.plan = json.load(file)

    def public_key(self, name, ids):
        """A key as Python writes it into layouts, under the key id that a case asks for; its own is "python"."""
        key = load_public_key_from_file(os.path.join(self.keys_folder, name + ".pub"))
        planned = self.plan["keys"][name]
        assert key["keyid"] == planned["python"], (name, key["keyid"], planned["python"])
        key["keyid"] = planned[ids]
        if ids == "legacy":
            key["keyid_hash_algorithms"] = ["sha256", "sha512"]
        return key

    def signer(self, name, ids):
        with open(os.path.join(self.keys_folder, name + ".pem"), "rb") as file:
            private = load_pem_private_key(file.read(), None)
        return CryptoSigner(private, SSlibKey.from_crypto(private.public_key(), self.plan["keys"][name][ids]))

    def layout(self, plan, ids):
        layout = Layout(expires=plan["expires"], readme=plan["readme"])
        for item in plan["steps"]:
            keys = [layout.add_functionary_key(self.public_key(name, ids)) for name in item["functionaries"]]
            layout.steps.append(
                Step(
                    name=item["name"],
                    threshold=item["threshold"],
                    pubkeys=[key["keyid"] for key in keys],
                    expected_materials=item["materials"],
                    expected_products=item["products"],
                    expected_command=item["command"],
                )
            )
        layout.validate()
        return layout

    def sign(self, payload, form, signers, ids):
        metadata = Envelope.from_signable(payload) if form == "dsse" else Metablock(signed=payload)
        for name in signers:
            metadata.create_signature(self.signer(name, ids))
        return metadata

    def make_evidence(self, folder, evidence, case):
        os.makedirs(folder, exist_ok=True)
        for item in evidence:
            if item.get("run"):
                self.record(folder, item, case)
                continue
            sublayout = item.get("layout")
            payload = self.layout(sublayout, case["ids"]) if sublayout else Link(name=item["step"], **item["link"])
            metadata = self.sign(payload, case["linkFormat"], item["by"], case["ids"])
            for name in item["by"]:
                keyid = self.plan["keys"][name][case["ids"]]
                metadata.dump(os.path.join(folder, FILENAME_FORMAT.format(step_name=item["step"], keyid=keyid)))
                if sublayout:
                    inner = SUBLAYOUT_LINK_DIR_FORMAT.format(name=item["step"], keyid=keyid)
                    self.make_evidence(os.path.join(folder, inner), item["evidence"], case)

    def record(self, folder, item, case):
        signer = self.signer(item["by"][0], case["ids"])
        dsse = case["linkFormat"] == "dsse"
        command = item["link"]["command"]
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as place:
            os.chdir(place)
            if command:
                in_toto_run(item["step"], ["."], ["."], command, True, signer=signer, use_dsse=dsse, metadata_directory=folder)
            else:
                in_toto_record_start(item["step"], ["."], signer=signer, use_dsse=dsse)
                with open("f", "w", encoding="utf-8") as file:
                    file.write("1")
                in_toto_record_stop(item["step"], ["."], signer=signer, metadata_directory=folder)
            os.chdir(before)

    def make(self, folder):
        for case in self.plan["cases"]:
            if "python makes" in case.get("without", {}):
                continue
            to = os.path.join(folder, case["folder"])
            self.make_evidence(to, case["evidence"], case)
            signers = case.get("signers", case["owners"])
            layout = self.sign(self.layout(case["layout"], case["ids"]), case["layoutFormat"], signers, case["ids"])
            layout.dump(os.path.join(to, "root.layout"))

    def verify_case(self, folder, case):
        owners = [self.public_key(name, case["ids"]) for name in case["owners"]]
        in_toto_verify(
            Metadata.load(os.path.join(folder, "root.layout")),
            {key["keyid"]: key for key in owners},
            link_dir_path=folder,
            substitution_parameters=case.get("parameters"),
            persist_inspection_links=False,
        )

    def verify(self, folder):
        for case in self.plan["cases"]:
            path = os.path.join(folder, case["folder"])
            if not os.path.exists(path):
                continue
            why = ""
            try:
                self.verify_case(path, case)
            except Exception as error:  # whatever it stops with, it did not accept
                why = f"{type(error).__name__}: {error}"
            print("RESULT", json.dumps({"name": case["name"], "ok": why == "", "why": why}), flush=True)


if __name__ == "__main__":
    command, plan_file, target = sys.argv[1:]
    peer = Peer(os.path.abspath(plan_file))
    target = os.path.abspath(target)
    # Inspections look at the folder that they run in.
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)
        {"make": peer.make, "verify": peer.verify}[command](target)
        os.chdir("/")
