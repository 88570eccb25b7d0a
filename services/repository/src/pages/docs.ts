import { describeAuthorisation, openApiDocument, PROBLEMS, ROUTES, type Route } from "@stemma/contract";
import { escapeHtml, page } from "./layout.ts";

/** The API as a page for people, from the same table as everything else. */
export function docsPage(version: string): string {
  const document = openApiDocument(version) as { components: { schemas: Record<string, unknown> } };
  const tags = new Map<string, string[]>();
  for (const [id, route] of Object.entries(ROUTES) as [string, Route][]) {
    const entries = tags.get(route.tag) ?? [];
    entries.push(describeRoute(id, route));
    tags.set(route.tag, entries);
  }
  const routes = [...tags].map(([tag, entries]) => `<h2>${escapeHtml(tag)}</h2>${entries.join("")}`).join("");
  const schemas = Object.entries(document.components.schemas)
    .map(
      ([name, schema]) =>
        `<details id="schema-${escapeHtml(name)}"><summary><code>${escapeHtml(name)}</code></summary>` +
        `<pre>${escapeHtml(JSON.stringify(schema, null, 2))}</pre></details>`,
    )
    .join("");
  const codes = Object.entries(PROBLEMS)
    .map(
      ([code, { status, title, advice }]) =>
        `<tr id="${escapeHtml(code)}"><td><code>${escapeHtml(code)}</code></td><td>${status}</td>` +
        `<td>${escapeHtml(title)}</td><td>${escapeHtml(advice)}</td></tr>`,
    )
    .join("");
  return page(
    "Stemma: the HTTP API",
    `<h1>Stemma: the HTTP API</h1>
<p>The same as <a href="/openapi.json">OpenAPI 3.1</a>. Refusals are RFC 9457 problem details
(<code>application/problem+json</code>) with a stable <code>code</code>; the <a href="#codes">list of codes</a> is below.
Exact bytes travel as base64 inside JSON.</p>
${routes}
<h2 id="schemas">Schemas</h2>${schemas}
<h2 id="codes">Codes</h2><table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th><th>What to do</th></tr></thead><tbody>${codes}</tbody></table>`,
  );
}

function describeRoute(id: string, route: Route): string {
  const query = Object.keys(route.query.shape);
  const answers = Object.entries(route.answers)
    .map(
      ([status, answer]) =>
        `<tr><td>${status}</td><td><code>${escapeHtml(answer.mediaType)}</code></td><td>${escapeHtml(answer.description)}</td></tr>`,
    )
    .join("");
  return `<article id="${escapeHtml(id)}"><h3><span class="method">${route.method}</span> <code>${escapeHtml(route.path)}</code></h3>
<p>${escapeHtml(sentence(route.summary))} ${escapeHtml(route.description ?? "")}</p>
<p class="muted">${escapeHtml(describeAuthorisation(route.authorisation))}${
    query.length === 0 ? "" : ` Query: ${query.map((name) => `<code>${escapeHtml(name)}</code>`).join(", ")}.`
  }${route.body === undefined ? "" : ' Body: <code>application/json</code>, see <a href="#schemas">schemas</a>.'}</p>
<table><tbody>${answers}</tbody></table></article>`;
}

/** A summary as a sentence: some are questions. */
function sentence(summary: string): string {
  return /[.?!]$/.test(summary) ? summary : `${summary}.`;
}
