import { createHash } from "node:crypto";
import { openApiDocument } from "@stemma/contract";
import { type Answer, bytesAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import { docsPage } from "./docs.ts";
import { homePage } from "./home.ts";
import { STYLE } from "./layout.ts";

/** The pages and the OpenAPI document. They depend on the version only, so they are composed once. */
export function pageHandlers(version: string): Pick<Handlers, "home" | "docs" | "openapi"> {
  // The one thing that the pages may use beside their text is the style sheet inside them, by its hash.
  const style = `'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`;
  const html = (text: string): Answer => ({
    ...bytesAnswer("text/html; charset=utf-8", Buffer.from(text), "revalidate", { keepWhile: () => true }),
    headers: {
      "Content-Security-Policy": `default-src 'none'; style-src ${style}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
    },
  });
  const home = html(homePage(version));
  const docs = html(docsPage(version));
  const openapi = bytesAnswer(
    "application/json",
    Buffer.from(JSON.stringify(openApiDocument(version), null, 2)),
    "revalidate",
    { keepWhile: () => true },
  );
  return { home: () => home, docs: () => docs, openapi: () => openapi };
}
