import { escapeHtml, page } from "./layout.ts";

/** What somebody sees who opens the service in a browser. */
export function homePage(version: string): string {
  return page(
    "Stemma",
    `<h1>Stemma</h1>
<p>Where does this digest come from, and may I trust it? This service keeps TUF metadata and in-toto evidence by
artifact digest, whichever registry holds the artifact.</p>
<p>Do not trust this server: pin a trust domain's <code>1.root.json</code>, compared over another channel, and verify
with it. Any TUF client can read <code>/&lt;domain&gt;/metadata/</code>.</p>
<pre>stemma verify --root root.json --server &lt;this address&gt; --domain &lt;domain&gt; --project &lt;project&gt; sha256:&lt;digest&gt;</pre>
<p><a href="/docs">The HTTP API</a> · <a href="/openapi.json">OpenAPI</a> · <a href="/readyz">Readiness</a> ·
<a href="/metrics">Metrics</a></p>
<p class="muted">Version ${escapeHtml(version)}.</p>`,
  );
}
