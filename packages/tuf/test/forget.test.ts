import { expect, test } from "@jest/globals";
import { driveSync } from "@stemma/client";
import { DomainFixture } from "../../../test/support/domain.ts";
import { loadRole, refresh, TrustedMetadata } from "../src/index.ts";

test("a role that was forgotten is loaded and verified again; targets is not forgotten", async () => {
  const domain = await DomainFixture.create();
  const trusted = TrustedMetadata.create(domain.root, { time: domain.now });
  driveSync(refresh(trusted), domain.source);
  driveSync(loadRole(trusted, "app"), domain.source);
  expect(trusted.targets("app")).toBeDefined();
  trusted.forget("app");
  expect(trusted.targets("app")).toBeUndefined();
  const stranger = await DomainFixture.create();
  expect(() => driveSync(loadRole(trusted, "app"), stranger.source)).toThrow(
    expect.objectContaining({ code: "threshold_not_met" }),
  );
  expect(driveSync(loadRole(trusted, "app"), domain.source).signed.version).toBe(domain.versions.project);
  expect(() => trusted.forget("targets")).toThrow(expect.objectContaining({ code: "out_of_order" }));
  expect(trusted.targets("targets")).toBeDefined();
});
