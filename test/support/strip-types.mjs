import { createHash } from "node:crypto";
import { stripTypeScriptTypes } from "node:module";

/** Jest transformer: Node's own type stripping, so that tests and production run the same text. */
export default {
  process: (source) => ({ code: stripTypeScriptTypes(source) }),
  getCacheKey: (source, path) =>
    createHash("sha256")
      .update(process.version)
      .update("\0")
      .update(path)
      .update("\0")
      .update(source)
      .digest("hex"),
};
