/** The typefaces of all pictures. */
export const SVG_STYLE = `
    .title { font: bold 15px system-ui, sans-serif; fill: #1f2328; }
    .small { font: 12px system-ui, sans-serif; fill: #57606a; }
    .code { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; }
    .bad { fill: #cf222e; }`;
