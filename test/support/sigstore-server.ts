import { createPublicKey, verify } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { initializeTSA, tsaHandler } from "@sigstore/mock";
import { MockSigstore, newKeyPair, type TrustedAuthorityJson } from "./sigstore.ts";
import { pemOf } from "./sigstore-certificates.ts";

/** An answer: a status, and JSON or bytes. */
type Answer = readonly [status: number, body: unknown];

/**
 * Fulcio, Rekor v1 and a timestamp authority behind one address, as far as clients that sign need them. Whoever asks is
 * believed to be who their token says; proof that they have the key is demanded all the same.
 */
export class SigstoreServer {
  /** The time of everything that it signs. */
  readonly now: Date;
  /** Bodies of all requests by path, as they came. */
  readonly received = new Map<string, string[]>();
  /** When set, every request is answered with this status. */
  failWith: number | undefined;
  private readonly sigstore: MockSigstore;
  private readonly stamper: Awaited<ReturnType<typeof initializeTSA>>;
  private readonly server: Server;

  private constructor(now: Date, sigstore: MockSigstore, stamper: Awaited<ReturnType<typeof initializeTSA>>) {
    this.now = now;
    this.sigstore = sigstore;
    this.stamper = stamper;
    this.server = createServer((request, response) => {
      this.answer(request)
        .catch((error: unknown): Answer => [400, { message: String(error) }])
        .then(([status, body]) => {
          const isBytes = body instanceof Uint8Array;
          response.writeHead(status, {
            "content-type": isBytes ? "application/timestamp-reply" : "application/json",
          });
          response.end(isBytes ? body : JSON.stringify(body));
        });
    });
  }

  static async start(): Promise<SigstoreServer> {
    // In whole seconds, which is all that the mock writes correctly, and not before its certificates.
    const now = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
    const [sigstore, stamper] = await Promise.all([MockSigstore.create(), initializeTSA(newKeyPair(), now)]);
    const server = new SigstoreServer(now, sigstore, stamper);
    await new Promise<void>((resolve) => server.server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  /** Bytes of the trusted root that names these services. */
  trustedRoot(): Uint8Array {
    const certificates = [this.stamper.intCertificate, this.stamper.rootCertificate].map((der) => ({
      rawBytes: Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString("base64"),
    }));
    const authority: TrustedAuthorityJson = {
      uri: this.url,
      certChain: { certificates },
      validFor: { start: "2020-01-01T00:00:00Z" },
    };
    return this.sigstore.trustedRoot({}, (root) => {
      root.timestampAuthorities = [authority];
    });
  }

  private async answer(request: IncomingMessage): Promise<Answer> {
    const path = request.url ?? "/";
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk;
    this.received.set(path, [...(this.received.get(path) ?? []), text]);
    if (this.failWith !== undefined) return [this.failWith, { message: "not today" }];
    switch (path) {
      case "/api/v2/signingCert":
        return this.certify(JSON.parse(text));
      case "/api/v1/log/entries":
        return this.log(JSON.parse(text));
      case "/api/v1/timestamp": {
        const { fn } = tsaHandler(this.stamper);
        const { statusCode, response } = await fn(text);
        return typeof response === "string"
          ? [statusCode, { message: response }]
          : [statusCode, Buffer.from(response.buffer, response.byteOffset, response.byteLength)];
      }
      default:
        return [404, { message: "no such place" }];
    }
  }

  private async certify(body: CertificateRequest): Promise<Answer> {
    const [, claims = ""] = body.credentials.oidcIdentityToken.split(".");
    const { iss, sub } = JSON.parse(Buffer.from(claims, "base64url").toString());
    const publicKey = createPublicKey(body.publicKeyRequest.publicKey.content);
    const proof = Buffer.from(body.publicKeyRequest.proofOfPossession, "base64");
    if (!verify("sha256", Buffer.from(sub), publicKey, proof)) return [400, { message: "no proof" }];
    const der = await this.sigstore.certify(publicKey, { issuer: iss, identity: sub, at: this.now });
    return [201, { signedCertificateEmbeddedSct: { chain: { certificates: [pemOf(der)] } } }];
  }

  private log(body: EntryRequest): Answer {
    const { envelope: text, verifiers } = body.spec.proposedContent;
    const { payload, payloadType, signatures } = JSON.parse(text) as EnvelopeJson;
    const entry = this.sigstore.log.append({
      envelope: {
        payloadType,
        payload: Buffer.from(payload, "base64"),
        signatures: signatures.map(({ sig, keyid }) => ({ sig: Buffer.from(sig, "base64"), keyid })),
      },
      certificate: Buffer.from(verifiers[0] ?? "", "base64").toString(),
      kind: "dsse 0.0.1",
      at: this.now,
      promise: true,
    });
    const proof = entry.inclusionProof;
    const verification = {
      signedEntryTimestamp: entry.inclusionPromise?.signedEntryTimestamp.toString("base64"),
      inclusionProof: {
        logIndex: Number(proof?.logIndex),
        treeSize: Number(proof?.treeSize),
        rootHash: proof?.rootHash.toString("hex"),
        hashes: proof?.hashes.map((hash) => hash.toString("hex")),
        checkpoint: proof?.checkpoint?.envelope,
      },
    };
    const known = {
      body: entry.canonicalizedBody.toString("base64"),
      integratedTime: Number(entry.integratedTime),
      logID: entry.logId?.keyId.toString("hex"),
      logIndex: Number(entry.logIndex),
      verification,
    };
    return [201, { [`24296fb24b8ad77a${entry.logIndex}`]: known }];
  }
}

interface CertificateRequest {
  readonly credentials: { readonly oidcIdentityToken: string };
  readonly publicKeyRequest: {
    readonly publicKey: { readonly content: string };
    readonly proofOfPossession: string;
  };
}

interface EntryRequest {
  readonly spec: {
    readonly proposedContent: { readonly envelope: string; readonly verifiers: readonly string[] };
  };
}

interface EnvelopeJson {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly sig: string; readonly keyid: string }[];
}

/** An OIDC token of a job, which nobody signed. */
export function identityToken(issuer: string, subject: string): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = part({ alg: "RS256", typ: "JWT" });
  return `${header}.${part({ iss: issuer, sub: subject, aud: "sigstore" })}.${part("not signed")}`;
}
