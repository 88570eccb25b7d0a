import type { CeremonyAnswer } from "@stemma/contract";
import { type Signer, sha256 } from "@stemma/crypto";
import { asObject, canonicalJson, decodeBase64, encodeHex, equalBytes, parseJson } from "@stemma/encoding";
import { assemble, decodeRole } from "@stemma/tuf";
import { callServer, type DomainOptions, domainOf } from "./api.ts";
import { ceremonyOutcome, settleCeremony } from "./ceremony.ts";
import { type Description, describeMetadata } from "./describe.ts";
import { CliError } from "./error.ts";
import { openSigner, type SignerOptions } from "./keys.ts";
import { note, type Outcome, styled } from "./output.ts";

export interface CeremonyOptions extends DomainOptions, SignerOptions {
  readonly ceremony: string;
}

/**
 * Signs the roles of a ceremony that a key may sign: exactly the bytes that the server has, after showing what they say.
 * What is shown and what is signed are the same bytes: that they are canonical is checked before.
 */
export async function signCeremony(options: CeremonyOptions): Promise<Outcome> {
  const now = new Date();
  const params = { domain: domainOf(options), ceremony: options.ceremony };
  const { body: ceremony } = await callServer<CeremonyAnswer>(options, "showCeremony", { params });
  if (ceremony.state !== "open") {
    return ceremonyOutcome(options, ceremony, `The ceremony is closed already: ${ceremony.state}.`);
  }
  const drafts = ceremony.roles.map((role) => readDraft(role, now));
  for (const draft of drafts) {
    note([styled("bold", "To be signed: "), `${draft.role}, sha256 ${draft.sha256}`]);
    for (const line of draft.description.lines) note(line);
  }

  const signer = await openSigner(options);
  const wanted = drafts.filter(({ role }) => mayStillSign(ceremony, role, signer));
  if (wanted.length === 0) {
    throw new CliError(
      "key_may_not_sign",
      `The key ${signer.publicKey.keyId} has nothing to sign here: it may not sign these roles, or has done so.`,
    );
  }
  const signatures = await Promise.all(
    wanted.map(async ({ role, message }) => ({
      role,
      keyid: signer.publicKey.keyId,
      sig: encodeHex(await signer.sign(message)),
    })),
  );
  const { body } = await callServer<CeremonyAnswer>(options, "signCeremony", {
    params,
    query: { wait: "published" },
    body: { signatures },
  });
  await settleCeremony(options, body);
  return ceremonyOutcome(options, body, "That was the last signature: it is published.");
}

interface Draft {
  readonly role: string;
  readonly message: Uint8Array;
  readonly sha256: string;
  readonly description: Description;
}

/** The server is not believed: its bytes must be what they are said to be, and mean one thing only. */
function readDraft(role: CeremonyAnswer["roles"][number], now: Date): Draft {
  const message = decodeBase64(role.bytesToSign);
  const payload = asObject(parseJson(message), `the draft of ${role.role}`);
  if (!equalBytes(canonicalJson(payload), message)) {
    throw new CliError("bytes_not_as_shown", `The bytes to sign for ${role.role} are not in canonical form.`);
  }
  const { signed } = decodeRole(role.role, assemble(payload, []));
  if (signed.version !== role.version) {
    throw new CliError(
      "bytes_not_as_shown",
      `The bytes to sign are version ${signed.version} of ${role.role}, not version ${role.version}.`,
    );
  }
  return { role: role.role, message, sha256: sha256(message), description: describeMetadata(signed, now) };
}

function mayStillSign(ceremony: CeremonyAnswer, name: string, signer: Signer): boolean {
  const groups = ceremony.roles.find(({ role }) => role === name)?.groups ?? [];
  return groups.some((group) => group.missing.includes(signer.publicKey.keyId));
}
