import { describe, expect, test } from "@jest/globals";
import { CLIENT_CODES } from "@stemma/client";
import { CRYPTO_CODES } from "@stemma/crypto";
import { ENCODING_CODES } from "@stemma/encoding";
import { IMAGE_CODES } from "@stemma/image";
import { IN_TOTO_CODES } from "@stemma/in-toto";
import { LINEAGE_CODES } from "@stemma/lineage";
import { OCI_CODES } from "@stemma/oci";
import { SIGSTORE_CODES } from "@stemma/sigstore";
import { TUF_CODES } from "@stemma/tuf";
import {
  isDomainName,
  isProblemCode,
  isProjectName,
  openApiDocument,
  PROBLEMS,
  pathParameters,
  ROUTES,
  type Route,
  SERVICE_CODES,
} from "../src/index.ts";

const routes: [string, Route][] = Object.entries(ROUTES);

describe("codes", () => {
  const all = new Set<string>([
    ...ENCODING_CODES,
    ...CRYPTO_CODES,
    ...TUF_CODES,
    ...IN_TOTO_CODES,
    ...SIGSTORE_CODES,
    ...IMAGE_CODES,
    ...LINEAGE_CODES,
    ...CLIENT_CODES,
    ...OCI_CODES,
    ...SERVICE_CODES,
  ]);

  test("the list has every code of every package, and no other", () => {
    expect(Object.keys(PROBLEMS).sort()).toEqual([...all].sort());
  });

  test.each(Object.entries(PROBLEMS))(
    "%s has a status, a title and advice",
    (code, { status, title, advice }) => {
      expect(code).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
      expect(title).toMatch(/^[A-Z].*[^.]$/);
      expect(advice).toMatch(/^[A-Z].*\.$/);
    },
  );

  test("names of Object.prototype are no codes", () => {
    for (const name of ["constructor", "__proto__", "toString"]) expect(isProblemCode(name)).toBe(false);
  });
});

describe("names", () => {
  test.each(["a", "acme", "a-1", "x".repeat(63)])("%j names a domain and a project", (name) => {
    expect(isDomainName(name)).toBe(true);
    expect(isProjectName(name)).toBe(true);
  });

  test.each(["", "A", "1a", "-a", "a_b", "a.b", "a/b", "../a", "x".repeat(64), "a\n", "ä", "con stant"])(
    "%j names neither",
    (name) => {
      expect(isDomainName(name)).toBe(false);
      expect(isProjectName(name)).toBe(false);
    },
  );

  test("roles and bins are no projects, and routes are no domains", () => {
    for (const name of ["root", "timestamp", "snapshot", "targets", "artifacts", "recent", "bin-00"]) {
      expect(isProjectName(name)).toBe(false);
    }
    for (const name of ["v1", "v2", "v10", "openapi", "static"]) expect(isDomainName(name)).toBe(false);
    for (const [, route] of routes) {
      const first = route.path.split("/")[1] ?? "";
      expect(isDomainName(first)).toBe(false);
    }
  });
});

describe("the route table", () => {
  test.each(routes)("%s: parameters, authorisation and answers are complete", (_id, route) => {
    expect(pathParameters(route.path)).toEqual(Object.keys(route.params.shape));
    expect(Object.keys(route.answers).length).toBeGreaterThan(0);
    // Whatever changes something says what allows it: nobody may write by default.
    if (route.method === "POST") expect(route.authorisation.kind).not.toBe("public");
    expect(route.method === "POST").toBe(route.body !== undefined);
  });

  test("has each method and path once", () => {
    const names = routes.map(([, route]) => `${route.method} ${route.path}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("OpenAPI", () => {
  // biome-ignore lint/suspicious/noExplicitAny: a document of many shapes
  const document = openApiDocument("1.2.3") as any;

  test("is version 3.1 and has every route under its id", () => {
    expect(document.openapi).toBe("3.1.0");
    for (const [id, route] of routes) {
      const operation = document.paths[route.path.replace("{+", "{")][route.method.toLowerCase()];
      expect(operation.operationId).toBe(id);
      expect(Object.keys(operation.responses)).toContain("default");
    }
  });

  test("refers only to what is there", () => {
    const text = JSON.stringify(document);
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      expect(document.components.schemas[name ?? ""]).toBeDefined();
    }
    expect(text).not.toContain("$defs");
  });
});
