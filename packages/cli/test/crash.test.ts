import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Desk } from "./support/command-line.ts";

/* N-53: a verifier that falls over must never look like one that said yes. */

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.create();
});
afterEach(() => desk.remove());

/** Something goes wrong in the process beside the command, before or while it works. */
function fault(script: string): readonly string[] {
  return ["--import", `data:text/javascript,${encodeURIComponent(script)}`];
}

describe("a fault of our own", () => {
  test.each([
    ["an unhandled rejection", "setTimeout(() => Promise.reject(new Error('lost')), 1)"],
    ["an exception in a callback", "setTimeout(() => { throw new Error('lost'); }, 1)"],
    ["a rejection that is no error", "setTimeout(() => Promise.reject('lost'), 1)"],
  ])("%s ends with 3 and says so in one document", async (_name, script) => {
    // A server that takes the connection and never answers keeps the command at work meanwhile.
    const held = `import { createServer } from 'node:net'; const s = createServer(); s.listen(0, '127.0.0.1');
      await new Promise((go) => s.on('listening', go)); process.env.STEMMA_SERVER = 'http://127.0.0.1:' + s.address().port;`;
    const said = await desk.stemma(["domain", "show", "d", "--json"], { node: fault(`${held} ${script}`) });
    expect(said.code).toBe(3);
    expect(JSON.parse(said.stdout)).toMatchObject({ error: { code: "internal_error", message: "lost" } });
  });

  test("an event loop that runs dry ends with 3", async () => {
    // A fetch that never settles and holds nothing: Node would leave with what process.exitCode says.
    const said = await desk.stemma(["domain", "show", "d"], {
      node: fault("globalThis.fetch = () => new Promise(() => {})"),
    });
    expect(said.code).not.toBe(0);
  });
});

describe("a reader who goes away (SIGPIPE)", () => {
  test("is no crash, and not success either", async () => {
    const child = desk.start(["completion", "bash"]);
    child.stdout.destroy();
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    expect({ code, signal, stderr }).toEqual({ code: 3, signal: null, stderr: "" });
  });
});
