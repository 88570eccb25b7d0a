/** Escapes text for HTML: element content and double-quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(
    /[&<>"']/g,
    (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[character] ?? "",
  );
}

/** The one style sheet of the pages. Inline: the pages need nothing from anywhere. */
export const STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --soft: color-mix(in srgb, currentColor 6%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 6rem; }
h1 { font-size: 1.8rem; } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
code, pre { font: .875em/1.5 ui-monospace, monospace; } pre { background: var(--soft); padding: 1rem; overflow-x: auto; border-radius: .4rem; }
article { border: 1px solid var(--line); border-radius: .5rem; padding: .2rem 1.2rem 1rem; margin: 1rem 0; }
article h3 { font-size: 1rem; margin-bottom: .3rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }
article td:first-child { width: 4rem; } article td:nth-child(2) { width: 17rem; }
.method { font-weight: 700; } .muted { opacity: .75; } summary { cursor: pointer; }
`;

/** A whole page. `body` is HTML that was composed from escaped text. */
export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>
${body}
</body></html>
`;
}
