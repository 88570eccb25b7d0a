import { chmod, mkdir, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type CredentialSource, dockerCredentials } from "@stemma/oci";
import { makeImage, put } from "../../../test/support/artifacts.ts";
import { Desk, repository } from "./support/desk.ts";

const PASSWORD = "correct horse: battery";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const image = makeImage("amd64");
const refused = (code: string) => expect.objectContaining({ code });

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.open();
});
afterEach(() => desk.close());

const known: CredentialSource = async () => ({ kind: "password", username: "robot", password: PASSWORD });
const wrong: CredentialSource = async () => ({ kind: "password", username: "robot", password: "guess" });

describe.each(["basic", "token"] as const)("a registry that wants a %s login", (kind) => {
  const login = { kind, username: "robot", password: PASSWORD };

  test("is read and written with one", async () => {
    const store = repository(await desk.registry({ login }), "team/app", { credentials: known });
    await put(store, image, { tag: "1.0" });
    expect((await store.findDocument("1.0"))?.digest).toBe(image.document.digest);
  });

  test("is refused without one, and with a wrong one, which is not repeated", async () => {
    const registry = await desk.registry({ login });
    for (const credentials of [undefined, wrong]) {
      const store = repository(registry, "team/app", credentials === undefined ? {} : { credentials });
      const error = await store.findDocument("1.0").catch((thrown: Error) => thrown);
      expect(error).toMatchObject({ code: "registry_login_refused" });
      expect(String(error)).toContain("docker login");
      expect(String(error)).not.toContain("guess");
    }
  });
});

describe("tokens", () => {
  const login = { kind: "token", username: "robot", password: PASSWORD } as const;

  test("are asked for once, for reading and for writing, however many requests there are", async () => {
    const registry = await desk.registry({ login });
    const store = repository(registry, "team/app", { credentials: known });
    await Promise.all(Array.from({ length: 10 }, () => store.findDocument("1.0")));
    await put(store, image, { tag: "1.0" });
    await store.findDocument("1.0");
    expect(registry.asked.filter(({ path }) => path.startsWith("/token"))).toHaveLength(2);
  });

  test("that have expired are asked for again", async () => {
    const registry = await desk.registry({ login: { ...login, expiresIn: 0 } });
    const store = repository(registry, "team/app", { credentials: known });
    expect(await store.findDocument("1.0")).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    expect(await store.findDocument("1.0")).toBeUndefined();
    expect(registry.asked.filter(({ path }) => path.startsWith("/token"))).toHaveLength(2);
  });

  test("are for both repositories when one lends blobs to the other", async () => {
    const registry = await desk.registry({ login });
    const options = { credentials: known };
    const [one, two] = [repository(registry, "a/one", options), repository(registry, "a/two", options)];
    await put(one, image, { tag: "1.0" });
    if (image.document.kind !== "manifest") throw new Error("an image is a manifest");
    expect(await two.writeBlob(image.document.config, one)).toBe("mounted");
  });

  test.each([
    ["a service without TLS on another machine", 'Bearer realm="http://auth.invalid/token"'],
    ["no service", 'Bearer service="x"'],
    ["a service that is no address", 'Bearer realm="/token"'],
    ["a service with a login in its address", 'Bearer realm="https://a:b@auth.invalid/"'],
    ["a way that nobody knows", "Negotiate"],
    ["nothing that can be read", "====,,,"],
  ])("are not asked for from %s", async (_name, challenge) => {
    const registry = await desk.registry();
    registry.intervene = (_asked, response) => {
      response.writeHead(401, { "www-authenticate": challenge }).end();
      return true;
    };
    const store = repository(registry, "team/app", { credentials: known });
    await expect(store.findDocument("1.0")).rejects.toThrow(refused("registry_login_refused"));
    expect(registry.asked).toHaveLength(1);
  });

  test.each(['{"token":"a\\nb"}', "{}", "<html>", `{"token":"${"x".repeat(300_000)}"}`])(
    "that cannot be one are refused (%#)",
    async (answer) => {
      const registry = await desk.registry();
      registry.intervene = ({ path }, response) => {
        if (path.startsWith("/token")) response.writeHead(200).end(answer);
        else {
          const realm = `Bearer realm="http://${registry.host}/token"`;
          response.writeHead(401, { "www-authenticate": realm }).end();
        }
        return true;
      };
      const store = repository(registry, "team/app", { credentials: known });
      await expect(store.findDocument("1.0")).rejects.toThrow(refused("registry_login_refused"));
    },
  );

  test("are got for an identity token by the other form of the request", async () => {
    const registry = await desk.registry();
    let form = "";
    registry.intervene = ({ path, method, headers }, response) => {
      if (path === "/token" && method === "POST") {
        form = String(headers["content-type"]);
        response.writeHead(200).end('{"access_token":"abc"}');
      } else if (headers.authorization === "Bearer abc") return false;
      else {
        const realm = `Bearer realm="http://${registry.host}/token",service="s",scope="repository:x:pull"`;
        response.writeHead(401, { "www-authenticate": realm }).end();
      }
      return true;
    };
    const credentials: CredentialSource = async () => ({ kind: "identity-token", token: "refresh" });
    const store = repository(registry, "team/app", { credentials });
    expect(await store.findDocument("1.0")).toBeUndefined();
    expect(form).toBe("application/x-www-form-urlencoded");
  });
});

describe("logins of other tools", () => {
  const find = (environment: NodeJS.ProcessEnv, host = "registry.example", repository = "team/app") =>
    dockerCredentials({ DOCKER_CONFIG: desk.folder, ...environment })(host, repository);
  const config = (content: unknown, file = "config.json") =>
    writeFile(desk.path(file), typeof content === "string" ? content : JSON.stringify(content));
  const login = (username: string, password: string) => ({ kind: "password", username, password });

  test("are none when there is no file", async () => {
    expect(await find({})).toBeUndefined();
  });

  test.each(["registry.example", "https://registry.example", "https://registry.example/v1/"])(
    "stand in config.json under %s",
    async (key) => {
      await config({
        auths: { "other.example": { auth: base64("x:y") }, [key]: { auth: base64(`robot:${PASSWORD}`) } },
      });
      expect(await find({})).toEqual(login("robot", PASSWORD));
      expect(await find({}, "third.example")).toBeUndefined();
    },
  );

  test("may be for one repository, and stand in REGISTRY_AUTH_FILE, which goes first", async () => {
    await config({ auths: { "registry.example": { auth: base64("docker:1") } } });
    await config({ auths: { "registry.example/team": { auth: base64("podman:2") } } }, "auth.json");
    const environment = { REGISTRY_AUTH_FILE: desk.path("auth.json") };
    expect(await find(environment)).toEqual(login("podman", "2"));
    expect(await find(environment, "registry.example", "other/app")).toEqual(login("docker", "1"));
  });

  test("of Docker Hub are known by the name that Docker gives it", async () => {
    await config({ auths: { "https://index.docker.io/v1/": { auth: base64("me:1") } } });
    expect(await find({}, "docker.io", "library/alpine")).toEqual(login("me", "1"));
  });

  test("may be identity tokens, or user and password apart", async () => {
    await config({ auths: { "registry.example": { auth: base64("x:"), identitytoken: "refresh" } } });
    expect(await find({})).toEqual({ kind: "identity-token", token: "refresh" });
    await config({ auths: { "registry.example": { username: "a", password: "b" } } });
    expect(await find({})).toEqual(login("a", "b"));
  });

  test.each(["{", '{"auths":[]}', '{"auths":{"registry.example":{"auth":7}}}', '{"credHelpers":"x"}'])(
    "that cannot be read are an error, which repeats none of them: %s",
    async (text) => {
      await config(text);
      await expect(find({})).rejects.toThrow(refused("credentials_unreadable"));
    },
  );

  describe("in a credential helper", () => {
    const find = (host = "registry.example") =>
      dockerCredentials({
        DOCKER_CONFIG: desk.folder,
        PATH: `${desk.path("bin")}:${process.env.PATH}`,
      })(host, "team/app");
    const helper = async (name: string, script: string) => {
      const bin = desk.path("bin");
      await mkdir(bin, { recursive: true });
      await writeFile(`${bin}/docker-credential-${name}`, `#!/bin/sh\n${script}\n`);
      await chmod(`${bin}/docker-credential-${name}`, 0o755);
    };

    test("are asked for by its protocol, and go before what stands in the file", async () => {
      await helper("vault", `read server; echo "{\\"Username\\":\\"$1\\",\\"Secret\\":\\"$server\\"}"`);
      await config({
        auths: { "registry.example": { auth: base64("a:b") } },
        credHelpers: { "registry.example": "vault" },
      });
      expect(await find()).toEqual(login("get", "registry.example"));
      expect(await find("other.example")).toBeUndefined();
    });

    test("for all registries that know nothing of one leave it to the file", async () => {
      await helper("store", "echo 'credentials not found in native keychain'; exit 1");
      await config({ auths: { "registry.example": { auth: base64("a:b") } }, credsStore: "store" });
      expect(await find()).toEqual(login("a", "b"));
    });

    test("may be identity tokens", async () => {
      await helper("store", `echo '{"Username":"<token>","Secret":"refresh"}'`);
      await config({ credsStore: "store" });
      expect(await find()).toEqual({ kind: "identity-token", token: "refresh" });
    });

    test.each([
      ["fails", "echo my-secret; exit 3"],
      ["says something else", "echo my-secret"],
      ["says too much", "exec head -c 1000000 /dev/zero"],
    ])("are an error without what it printed when it %s", async (_name, script) => {
      await helper("store", script);
      await config({ credsStore: "store" });
      const error = await find().catch((thrown: Error) => thrown);
      expect(error).toMatchObject({ code: "credentials_unreadable" });
      expect(String(error)).not.toContain("my-secret");
    });

    test.each(["../../bin/sh", "a b", "", "x;y", "gone"])(
      "are an error when it is called %j",
      async (name) => {
        await config({ credHelpers: { "registry.example": name } });
        await expect(find()).rejects.toThrow(refused("credentials_unreadable"));
      },
    );
  });
});
